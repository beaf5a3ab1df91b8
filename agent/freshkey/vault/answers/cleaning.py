"""Tells what was taken off around a secret or a credential, once per value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from freshkey.core.model.secret import Secret
from freshkey.core.model.text import is_one_line_end

if TYPE_CHECKING:
    from freshkey.core.model.text import Cleaned

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

_ADVICE: Final = "it works without; store it again without, because others may not clean it"
_told: Final[dict[tuple[str, ...], str]] = {}  # by place, the fingerprint of what was told of last


def tell_cleaned(event: str, text: str, found: Cleaned, **place: str) -> None:
    """Log `event` with its place and what was taken off, unless that was told of this very text.

    The value is not told. A line's end alone, as every editor leaves it in a file, is no warning.
    """
    if not found.taken_off:
        return
    key, fingerprint = (event, *place.values()), Secret(text).fingerprint
    if _told.get(key) == fingerprint:
        return
    _told[key] = fingerprint
    if event == "credential.cleaned" and is_one_line_end(text, found.value):
        log.info(event, **place, taken_off=found.taken_off)
    else:
        log.warning(event, **place, taken_off=found.taken_off, message=_ADVICE)
