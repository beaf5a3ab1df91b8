"""Clients that no server should meet: each attack runs in a process, and ends by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from bench.attacks.calls import false_reports, fickle_waiters, waiters
from bench.attacks.connections import horde, killed
from bench.attacks.requests import (
    half_requests,
    largest_requests,
    lying_lengths,
    other_protocols,
    pipelines,
    pipelines_unread,
    slow_headers,
    smallest_requests,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Attack: TypeAlias = Callable[[Path, float], None]


def quiet(_path: Path, _seconds: float) -> None:
    """Do nothing, to compare with."""


ATTACKS: Final[tuple[Attack, ...]] = (
    quiet,
    slow_headers,
    half_requests,
    pipelines,
    pipelines_unread,
    smallest_requests,
    lying_lengths,
    other_protocols,
    largest_requests,
    horde,
    killed,
    waiters,
    fickle_waiters,
    false_reports,
)
