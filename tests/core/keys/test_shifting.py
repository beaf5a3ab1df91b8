"""Behaviour 5: a journal of an earlier boot, on the clock of this one."""

from __future__ import annotations

from math import inf

from freshkey.core.keys.shifting import shifted
from freshkey.core.model.grants import TokenKind
from freshkey.core.model.ledger import KeyEntry, Ledger
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import Credential, Lease, Reason, Retired
from freshkey.core.model.struct import replace
from freshkey.core.model.token import Token

from tests.core.scripts import ORIGIN


def lease(at: float) -> Lease:
    """A lease whose instants are all some time after `at`."""
    return Lease(
        id="openai/creds/billing/1",
        token=1,
        term=3600.0,
        renewable=True,
        started_at=at + 1,
        expires_at=at + 3601,
        draw=0.5,
        gone_at=at + 900,
        lag=2.0,
    )


def token(at: float, number: int) -> Token:
    return Token(
        number=number,
        secret=Secret(f"hvs.{number}"),
        accessor=f"accessor-{number}",
        kind=TokenKind.SERVICE,
        renewable=True,
        term=7200.0,
        started_at=at + 10 + number,
        expires_at=at + 7210 + number,
        owned=True,
        draw=0.25,
        taken_at=at + 20 + number,
        lost_at=at + 500 + number,
    )


def entry(at: float) -> KeyEntry:
    return KeyEntry(
        name="billing",
        source=None,
        generation=3,
        reason=Reason.DUE,
        current=Credential(lease(at), Secret("sk-1")),
        candidate=Credential(lease(at + 50), Secret("sk-2")),
        candidate_reason=Reason.DUE,
        intent=None,
        retired=(Retired(lease(at - 50), at + 70), Retired(lease(at - 60), inf)),
        withdrawn=False,
        claim_minted_at=at + 30,
        published_at=at + 40,
    )


def ledger(at: float) -> Ledger:
    return Ledger(
        origin=ORIGIN,
        token=token(at, 2),
        retired_tokens=(token(at, 1),),
        token_count=2,
        unwrapped=None,
        mints=(at + 1, at + 5),
        keys=(entry(at),),
        abandoned=4,
    )


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
