"""Attacks of bench/, each on a server in a process of its own, for a moment.

Real time: what is shown is that others get their answers in time. The bounds are several times
what is measured on an idle machine, and a small part of what a server that lets one client hold
up others would take; where the machine itself is busy, its pauses at rest are allowed for.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from bench.attacks.calls import waiters
from bench.attacks.catalogue import quiet
from bench.attacks.connections import horde, killed
from bench.attacks.requests import largest_requests, pipelines_unread
from bench.bad_peers import measure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.attacks.catalogue import Attack

pytestmark = pytest.mark.alone

SECONDS = 1.5
BOUND = 0.05  # seconds, for nine answers in ten: in the tenth the machine may be at other work
KEPT = 4096  # KiB; the half of an attack that is measured would leave far more if it left any


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """Give a directory that the polite client's user can pass: pytest's own are closed to it."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="module")
def at_rest(directory: Path) -> float:
    """Give the longest answer without an attack, in seconds: the machine's own pauses."""
    return max(measure(quiet, directory, SECONDS).resident)


@pytest.mark.parametrize("attack", [pipelines_unread, largest_requests, horde, killed, waiters])
def test_nobody_else_waits_and_no_memory_stays(
    attack: Attack, directory: Path, at_rest: float
) -> None:
    outcome = measure(attack, directory, SECONDS)
    for times in (outcome.resident, outcome.newcomer):  # as another user than root there are none
        most = sorted(times)[: len(times) * 9 // 10]
        assert max(most, default=0.0) < BOUND + at_rest
    assert outcome.after - outcome.before < KEPT
