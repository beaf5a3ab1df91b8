"""What a journal holds, with every field set."""

from __future__ import annotations

from math import inf

from freshkey.core.model.grants import TokenKind
from freshkey.core.model.ledger import KeyEntry, Ledger
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import Credential, Lease, Reason, Retired
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
    """A token, likewise."""
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
    """A key that is published, with its successor under test, and two leases before it."""
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
    """The journal of an agent that has this key, and a token before the one in use."""
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
