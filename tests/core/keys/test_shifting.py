"""Behaviour 5: a journal of an earlier boot, on the clock of this one."""

from __future__ import annotations

from freshkey.core.keys.shifting import shifted
from freshkey.core.model.struct import replace

from tests.core.ledgers import entry, ledger


def test_every_instant_moves_and_no_duration_does() -> None:
    assert shifted(ledger(1000.0), -400.0) == ledger(600.0)


def test_what_is_missing_stays_missing() -> None:
    before = replace(
        ledger(1000.0),
        token=None,
        keys=(replace(entry(1000.0), current=None, candidate=None),),
    )
    (moved,) = shifted(before, 500.0).keys
    assert (moved.current, moved.candidate) == (None, None)
    assert shifted(before, 500.0).token is None
