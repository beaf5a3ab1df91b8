"""Text from outside, made fit for a terminal."""

from __future__ import annotations

import re
import sys
from math import isfinite
from typing import TYPE_CHECKING, Final

from freshkey.core.model.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HALVES: Final = "[\ud800-\udc7f\udd00-\udfff]"


def shown(value: object) -> str:
    """One line of a value from the agent, `-` for none.

    What a terminal would act on, or can't show, is escaped: a fault quotes others' words.
    """
    if value is None or value == "":
        return "-"
    text = one_line(str(value))
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"  # it may be closed
    return text.encode(encoding, "backslashreplace").decode(encoding)


def print_utf8(text: str) -> None:
    """Print what another program reads, in UTF-8 whatever the locale; a path's odd bytes stay.

    Any other half of a surrogate pair, which JSON can have, is no text.
    """
    whole = re.sub(_HALVES, "\N{REPLACEMENT CHARACTER}", text)
    sys.stdout.flush()
    sys.stdout.buffer.write(whole.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()


def span(value: object) -> str:
    """Seconds as people write them, in the two largest units: `3d 4h`, `12m 3s`, `-5s`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return shown(value)
    if isinstance(value, float) and not isfinite(value):  # it raises for the largest of integers
        return shown(value)
    sign, left = ("-", -int(value)) if value < 0 else ("", int(value))
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count or parts or unit == "s":
            parts.append(f"{count}{unit}")
    return sign + " ".join(parts[:2])


def counted(number: int, what: str) -> str:
    """Say how many of something there are."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Give the lines of a table, each column as wide as its longest text."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(map(str.ljust, row, widths)).rstrip()
