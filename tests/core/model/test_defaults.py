"""What a value is where nobody says otherwise: nothing has happened yet."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.actions import Level, Record
from freshkey.core.model.events import RotateRequested, StopRequested
from freshkey.core.model.faults import OUTAGES, PASSING, UNSPENT, Fault, FaultKind
from freshkey.core.model.grants import TokenKind
from freshkey.core.model.ledger import KeyEntry, Ledger, Origin, Source
from freshkey.core.model.policy import AgentPolicy, KeyPolicy, VerifyMode
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import (
    NO_TOKEN,
    AgentState,
    Credential,
    KeyState,
    Lease,
    Link,
    Names,
    Reason,
    Retired,
    Stopping,
    Wanted,
    Watch,
)
from freshkey.core.model.state import Testing as BeingTested
from freshkey.core.model.token import Token, Tokens

if TYPE_CHECKING:
    from freshkey.core.model.struct import Struct

SECRET = Secret("sk-1")
LEASE = Lease("id", 1, 60.0, renewable=False, started_at=0.0, expires_at=60.0, draw=0.5)
CREDENTIAL = Credential(LEASE, SECRET)
ORIGIN = Origin("https://vault:8200", None, "approle", "approle", None)
TOKEN = Token(
    *(1, SECRET, "accessor", TokenKind.SERVICE, True, 60.0, 0.0, 60.0), owned=True, draw=0.5
)


def test_the_options_that_the_contract_names() -> None:
    assert KeyPolicy() == KeyPolicy(
        subject=None,
        refresh=300.0,
        renew_at=0.67,
        jitter=0.2,
        overlap=300.0,
        check_every=60.0,
        max_stale=43_200.0,
        revoke_on_stop=False,
        stop_grace=20.0,
        verify=VerifyMode.PREFER,
        probe_every=300.0,
        activation_timeout=30.0,
    )
    assert AgentPolicy({}) == AgentPolicy({}, max_mints_per_minute=6)


@pytest.mark.parametrize(
    ("new", "whole"),
    [
        (StopRequested(), StopRequested(to_reload=False)),
        (RotateRequested("a"), RotateRequested("a", compromised=False, now=False)),
        (Record(Level.INFO, "e", ()), Record(Level.INFO, "e", (), audit=False)),
        (
            Fault(FaultKind.TLS, "m"),
            Fault(FaultKind.TLS, "m", unanswered=False, retry_after=None, upstream_status=None),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_comes_and_goes(new: Struct, whole: Struct) -> None:
    assert new == whole


@pytest.mark.parametrize(
    ("new", "whole"),
    [
        (
            LEASE,
            Lease(
                *("id", 1, 60.0),
                renewable=False,
                started_at=0.0,
                expires_at=60.0,
                draw=0.5,
                gone_at=inf,
                lag=0.0,
                names=Names(None, None, None),
            ),
        ),
        (Retired(LEASE, 9.0), Retired(LEASE, 9.0, hurried=False, failures=0, uncertain=False)),
        (Wanted(Reason.DUE), Wanted(Reason.DUE, over_budget=False)),
        (
            BeingTested(Reason.DUE, CREDENTIAL, 1.0, 2.0),
            BeingTested(Reason.DUE, CREDENTIAL, 1.0, 2.0, 0, None, "no test was answered"),
        ),
        (
            Watch(),
            Watch(
                check_at=inf,
                probe_at=inf,
                probed_at=-inf,
                refusals=0,
                claimed=False,
                claim_minted_at=-inf,
                check_failures=0,
                renew_at=-inf,
                renew_failures=0,
                stale=False,
            ),
        ),
        (
            KeyState("a"),
            KeyState(
                "a",
                generation=0,
                published_at=-inf,
                current=None,
                withdrawn=False,
                removed=False,
                compromised=False,
                outdated=False,
                barred=None,
                confirmed=False,
                publishing=False,
                reason=Reason.FIRST,
                announced=0,
                written_until=-inf,
                rewrite_at=inf,
                write_failures=0,
                cycle=Wanted(Reason.FIRST),
                failures=0,
                retired=(),
                call=None,
                probing=None,
                watch=Watch(),
                trouble=None,
            ),
        ),
        (
            Link(),
            Link(
                away=False,
                ping_at=inf,
                pinging=False,
                failures=0,
                failed_at=-inf,
                pinged_at=-inf,
                fault=None,
            ),
        ),
        (Stopping(9.0), Stopping(9.0, end_by=None, to_reload=False)),
        (AgentState(), AgentState((), Tokens(), Link(), (), abandoned=0, stopping=None)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_state(new: Struct, whole: Struct) -> None:
    assert new == whole


def test_tokens() -> None:
    assert Tokens() == Tokens(
        current=None,
        retired=(),
        count=0,
        call=None,
        retry_at=-inf,
        failures=0,
        losses=0,
        clipped=False,
        changed=False,
        refused=False,
        recheck=False,
        revoke_at=-inf,
        revoke_failures=0,
        unwrapped=None,
        trouble=None,
    )
    assert (TOKEN.taken_at, TOKEN.abandoned, TOKEN.lost_at) == (-inf, False, inf)


def test_tokens_are_numbered_from_1() -> None:
    assert LEASE.is_of_vault
    assert NO_TOKEN == 0


def test_a_journal_of_an_earlier_version() -> None:
    """It lacks what came later."""
    source = Source("openai/creds/a", "api_key")
    assert source == Source("openai/creds/a", "api_key", ttl=None, overlap=0.0, files=())
    entry = KeyEntry(
        *("a", source, 1, Reason.DUE, CREDENTIAL, None, Reason.DUE, None, ()), withdrawn=False
    )
    assert entry == KeyEntry(
        *("a", source, 1, Reason.DUE, CREDENTIAL, None, Reason.DUE, None, ()),
        withdrawn=False,
        requested=False,
        compromised=False,
        claim_minted_at=-inf,
        published_at=-inf,
        outdated=False,
        barred=None,
        unannounced=False,
    )
    assert Ledger(ORIGIN, None, (), 0, None, (), ()).abandoned == 0


@pytest.mark.parametrize(
    ("kind", "groups"),
    [
        (FaultKind.UNREACHABLE, (OUTAGES, PASSING, UNSPENT)),
        (FaultKind.TLS, (OUTAGES, PASSING, UNSPENT)),
        (FaultKind.SEALED, (OUTAGES, PASSING, UNSPENT)),
        (FaultKind.THROTTLED, (PASSING, UNSPENT)),
        (FaultKind.TOKEN_INVALID, (PASSING, UNSPENT)),
        (FaultKind.FORBIDDEN, (UNSPENT,)),
        (FaultKind.NOT_FOUND, (UNSPENT,)),
        (FaultKind.BAD_REQUEST, (UNSPENT,)),
        (FaultKind.UPSTREAM, ()),
        (FaultKind.MALFORMED, ()),
        (FaultKind.REFUSED, ()),
        (FaultKind.OUTPUT, ()),
    ],
)
def test_what_a_fault_says(kind: FaultKind, groups: tuple[frozenset[FaultKind], ...]) -> None:
    assert tuple(group for group in (OUTAGES, PASSING, UNSPENT) if kind in group) == groups
