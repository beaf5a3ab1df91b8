"""`freshkey check --online`: what `run` would need, as a table or as JSON."""

from __future__ import annotations

import json
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from freshkey.cli.failure import CommandError
from freshkey.cli.output import shown
from freshkey.core.model.text import one_line
from freshkey.logs.redact import redact_text
from freshkey.logs.setup import configure
from freshkey.preflight.online.inspection import inspect
from freshkey.preflight.online.report import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from freshkey.preflight.online.report import Result
    from freshkey.settings.model import Settings

_MARKS: Final = {Outcome.FINE: "✓", Outcome.WARNING: "!", Outcome.FAILURE: "✗"}
_PLAIN: Final = {Outcome.FINE: "ok", Outcome.WARNING: "warning", Outcome.FAILURE: "FAULT"}


def check_online(settings: Settings, *, as_json: bool, exchanging: bool = False) -> int:
    """Look, print what was found, and return 1 if `run` would stumble over some of it."""
    configure("critical", "auto")  # what is found is told by the table
    results = trio.run(partial(_inspected, settings, exchanging=exchanging))
    if results is None:
        raise CommandError("interrupted")
    failed = any(result.outcome is Outcome.FAILURE for result in results)
    if as_json:
        listed = {
            "ok": not failed,
            "faults": _as_json(results, Outcome.FAILURE),
            "warnings": _as_json(results, Outcome.WARNING),
        }
        print(json.dumps(listed))
    else:
        for line in table(results):
            print(line)
    return 1 if failed else 0


async def _inspected(settings: Settings, *, exchanging: bool) -> list[Result] | None:
    """Look until a signal comes: then None, once the token of the check is revoked."""
    looking = trio.CancelScope()
    found: list[Result] | None = None

    async def interrupt() -> None:
        async for _ in signals:  # all of them: a second one must not keep a token alive
            looking.cancel()

    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(interrupt)
            with looking:
                found = await inspect(settings, exchanging=exchanging)
            nursery.cancel_scope.cancel()
    return found


def table(results: Sequence[Result]) -> Iterator[str]:
    """Lay results out, a line each, and count them in the last one."""
    marks = _MARKS if _can_print("".join(_MARKS.values())) else _PLAIN
    sign = max(map(len, marks.values()))
    width = max(len(result.place) for result in results)
    for result in results:
        mark, place = marks[result.outcome].ljust(sign), result.place.ljust(width)
        yield f"{mark} {place}  {shown(redact_text(result.message))}"
    faults, warnings = (
        sum(result.outcome is outcome for result in results)
        for outcome in (Outcome.FAILURE, Outcome.WARNING)
    )
    yield ""
    yield f"{_count(faults, 'fault')}, {_count(warnings, 'warning')}"


def _as_json(results: Iterable[Result], outcome: Outcome) -> list[dict[str, str]]:
    chosen = (result for result in results if result.outcome is outcome)
    return [
        {"path": result.place, "message": one_line(redact_text(result.message))}
        for result in chosen
    ]


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _can_print(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
