from __future__ import annotations

from typing import TYPE_CHECKING, cast

import trio
import trio.testing
from freshkey.core.model.events import Reported
from freshkey.daemon.control import Control

if TYPE_CHECKING:
    from freshkey.core.model.events import Event
    from freshkey.daemon.counters import Counters
    from freshkey.daemon.loop import Loop
    from freshkey.daemon.status import Reporter


def control(sent: list[Event]) -> Control:
    """Make one that nobody asks how the agent is doing."""
    nothing = object()
    return Control(
        cast("Loop", nothing), sent.append, cast("Reporter", nothing), cast("Counters", nothing)
    )


async def test_a_flood_of_reports_is_passed_on_as_few(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """From readers and from the gateway."""
    sent: list[Event] = []
    asked = control(sent)
    for _ in range(1000):
        asked.report("billing", "1-0a0a0a0a")
        await trio.sleep(0.001)
    assert 9 <= len(sent) <= 11
    assert set(sent) == {Reported("billing", "1-0a0a0a0a")}


async def test_a_report_of_another_key_or_generation_does_not_wait() -> None:
    sent: list[Event] = []
    asked = control(sent)
    for name, tag in (("a", "1-0"), ("b", "1-0"), ("b", "2-0")):
        asked.report(name, tag)
    assert sent == [Reported("a", "1-0"), Reported("b", "1-0"), Reported("b", "2-0")]
