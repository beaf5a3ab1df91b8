"""Behaviour 8: how long each kind of fault waits, in numbers."""

from __future__ import annotations

from math import inf

import pytest
from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.pacing.backoff import delay, doubling, jittered

from tests.core.scripts import (
    AWAY,
    BAD_REQUEST,
    FORBIDDEN,
    INVALID,
    LIMITED,
    SEALED,
    THROTTLED,
)

HOUR = 3600.0


def of(kind: FaultKind) -> Fault:
    return Fault(kind, "it failed")


@pytest.mark.parametrize(
    ("fault", "failures", "remaining", "least", "most"),
    [
        (AWAY, 1, HOUR, 0.1, 1),
        (AWAY, 4, HOUR, 0.8, 8),
        (AWAY, 40, HOUR, 6, 60),
        (SEALED, 2, 0, 0.2, 2),
        (of(FaultKind.TLS), 3, 0, 0.4, 4),
        (AWAY, 40, 30, 6, 25),  # a try is left before the end
        (AWAY, 40, 4, 1, 1),
        (AWAY, 40, 0.5, 1, 1),
        (AWAY, 40, 0, 6, 60),
        (AWAY, 1, 4, 0.1, 1),
        (of(FaultKind.UPSTREAM), 3, HOUR, 2, 20),
        (of(FaultKind.UPSTREAM), 9, 30, 6, 25),
        (of(FaultKind.UPSTREAM), 9, 4, 5, 5),
        (INVALID, 1, 0, 0.1, 1),
        (THROTTLED, 1, HOUR, 20.1, 21),
        (THROTTLED, 3, HOUR, 20.4, 24),
        (of(FaultKind.THROTTLED), 1, HOUR, 0.1, 1),
        (Fault(FaultKind.THROTTLED, "", retry_after=0), 1, HOUR, 1.1, 2),
        (FORBIDDEN, 1, HOUR, 1, 10),
        (FORBIDDEN, 9, HOUR, 30, 300),
        (of(FaultKind.NOT_FOUND), 1, 0, 1, 10),
        (BAD_REQUEST, 2, 0, 2, 20),
        (of(FaultKind.MALFORMED), 3, 0, 4, 40),
        (LIMITED, 1, HOUR, 60, 900),
        (LIMITED, 7, 200, 60, 120),
        (LIMITED, 1, 100, 60, 95),  # a try is left before the end
        (LIMITED, 1, 65, 60, 60),
        (LIMITED, 1, 30, 60, 60),
        (LIMITED, 1, inf, 60, 600),
        (LIMITED, 1, 0.5, 60, 60),
        (LIMITED, 1, 0, 20, 40),
        (LIMITED, 3, -5, 20, 160),
        (LIMITED, 9, 0, 20, 600),
        (of(FaultKind.REFUSED), 1, HOUR, 60, 60),
        (of(FaultKind.REFUSED), 9, HOUR, 900, 900),
        (of(FaultKind.OUTPUT), 1, HOUR, 0.1, 1),
    ],
)
def test_the_wait(fault: Fault, failures: int, remaining: float, least: float, most: float) -> None:
    assert delay(fault, failures, 0.0, remaining) == pytest.approx(least)
    assert delay(fault, failures, 1.0, remaining) == pytest.approx(most)


def test_a_doubled_delay_has_a_cap_however_often_it_failed() -> None:
    assert doubling(1, 60, 0) == doubling(1, 60, 1) == 1
    assert doubling(1, 60, 10_000) == 60
    assert jittered(1, 60, 10_000, 0.5) == 30


def test_a_fault_error_carries_its_fault() -> None:
    error = FaultError(FORBIDDEN)
    assert str(error) == "forbidden: permission denied"
    assert error.fault is FORBIDDEN
