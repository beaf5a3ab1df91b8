"""The situations that the transition table shows: a phase, what happens in it, and when."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final

from freshkey.core.model import actions, events
from freshkey.core.model.faults import Fault, FaultKind
from freshkey.core.model.grants import Grant, Login, Renewal, TokenKind
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import (
    AgentState,
    BackingOff,
    Call,
    Credential,
    Cycle,
    Idle,
    KeyState,
    Lease,
    Link,
    Minting,
    Reason,
    Retired,
    Testing,
    Wanted,
    Watch,
)
from freshkey.core.model.struct import replace
from freshkey.core.model.token import Token, TokenCall, Tokens
from freshkey.core.model.verdict import Finding, Verdict
from freshkey.core.model.view import Publication

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW, HOUR = 1000.0, 3600.0
SECRET: Final = Secret("sk-example")
GRANT: Final = Grant("new", HOUR, renewable=False, secret=SECRET, asked_at=NOW)
LOGIN: Final = Login(
    SECRET, "accessor", TokenKind.SERVICE, HOUR, renewable=True, owned=True, asked_at=NOW
)
AWAY: Final = Fault(FaultKind.UNREACHABLE, "no answer")
LOST: Final = Fault(FaultKind.UNREACHABLE, "no answer", unanswered=True)
INVALID: Final = Fault(FaultKind.TOKEN_INVALID, "invalid token")
FORBIDDEN: Final = Fault(FaultKind.FORBIDDEN, "permission denied")
FULL: Final = Fault(FaultKind.OUTPUT, "no space left")

ISSUE: Final = actions.Issue("key", 1, SECRET)
RENEW: Final = actions.Renew("key", "now", HOUR, 1, SECRET)
LOOK_UP: Final = actions.LookUp("key", "now", 1, SECRET)
REVOKE: Final = actions.Revoke("key", "old", 1, SECRET)
PUBLISH: Final = actions.Publish("key", Publication(1, SECRET, NOW + HOUR))
RENEW_TOKEN: Final = actions.RenewToken(1, SECRET, HOUR)

Row = tuple[str, str, AgentState, events.Event, float]


def lease(name: str, *, renewable: bool = False) -> Lease:
    """A lease of an hour that begins now."""
    return Lease(name, 1, HOUR, renewable, NOW, NOW + HOUR, draw=0.5)


def key(cycle: Cycle, *, held: bool = True, **changes: Any) -> KeyState:  # noqa: ANN401 - fields
    """A key in a phase of its replacement, published unless not `held`."""
    state = KeyState(
        "key",
        generation=1,
        announced=1,
        current=Credential(lease("now"), SECRET) if held else None,
        written_until=NOW + HOUR,
        cycle=cycle,
    )
    return replace(state, **changes)


def agent(state: KeyState, tokens: Tokens | None = None, link: Link | None = None) -> AgentState:
    """An agent with one key, and with a token unless `tokens` says otherwise."""
    return AgentState((state,), tokens or Tokens(current=token(), count=1), link or Link())


def token(number: int = 1) -> Token:
    """A token of ten hours that begins now."""
    return Token(
        number=number,
        secret=Secret("token"),
        accessor="accessor",
        kind=TokenKind.SERVICE,
        renewable=True,
        term=10 * HOUR,
        started_at=NOW,
        expires_at=NOW + 10 * HOUR,
        owned=True,
        draw=0.5,
    )


NO_TOKEN: Final = Tokens(retired=(token(),), count=1)  # an old one still has a lease under it


def key_rows() -> Iterator[Row]:
    """Each phase of a key's replacement, with what can happen in it."""
    wanted = agent(key(Wanted(Reason.DUE)))
    yield "Wanted", "the budget has room", wanted, events.Woke(), NOW
    yield "Wanted", "there is no token", agent(wanted.keys[0], NO_TOKEN), events.Woke(), NOW
    minting = agent(key(Minting(Reason.DUE, 1, NOW), call=Call.MINT))
    yield "Minting", "Issued", minting, events.Issued(ISSUE, GRANT), NOW
    for words, fault in (
        ("forbidden", FORBIDDEN),
        ("Vault away", AWAY),
        ("no answer", LOST),
        ("token invalid", INVALID),
    ):
        yield "Minting", f"Failed: {words}", minting, events.Failed(ISSUE, fault), NOW
    verification = Testing(Reason.DUE, Credential(lease("new"), SECRET), NOW, NOW)
    yield "Testing", "a test is due", agent(key(verification)), events.Woke(), NOW
    testing = agent(key(verification, probing="new"))
    for verdict, at, when in (
        (Verdict.GOOD, NOW, ""),
        (Verdict.REFUSED, NOW, ""),
        (Verdict.REFUSED, NOW + 30, ", activation_timeout over"),
        (Verdict.REFUSED, NOW + 31, ", the machine slept"),
        (Verdict.UNKNOWN, NOW, ""),
        (Verdict.UNKNOWN, NOW + 30, ", activation_timeout over"),
    ):
        asked = actions.Test("key", "new", SECRET)
        tested = events.Tested(asked, Finding(verdict, "example"))
        yield "Testing", f"Tested: {verdict}{when}", testing, tested, at
    backing = agent(key(BackingOff(Reason.DUE, NOW - 5, NOW + 5, AWAY), failures=1))
    yield "BackingOff", "the wait is over", backing, events.Woke(), NOW + 5
    asked_for = events.RotateRequested("key")
    yield "BackingOff", "RotateRequested", backing, asked_for, NOW
    away = Link(away=True, ping_at=NOW + 50, pinging=True, failures=3, fault=AWAY)
    waiting = agent(backing.keys[0], link=away)
    yield "BackingOff", "Pinged", waiting, events.Pinged(actions.Ping()), NOW + 5


def idle_rows() -> Iterator[Row]:
    """What ends the rest of a published key."""
    idle = agent(key(Idle()))
    yield "Idle", "Started", idle, events.Started(), NOW
    yield "Idle", "the point has come", idle, events.Woke(), NOW + 0.6 * HOUR
    renewable = Credential(lease("now", renewable=True), SECRET)
    lasting = agent(key(Idle(), current=renewable))
    yield "Idle", "the point has come, renewable", lasting, events.Woke(), NOW + 0.6 * HOUR
    renewing = agent(key(Idle(), current=renewable, call=Call.RENEW))
    for words, granted in (("in full", HOUR), ("clipped", HOUR / 2)):
        renewed = events.Renewed(RENEW, Renewal(granted, renewable=True, asked_at=NOW))
        yield "Idle", f"Renewed, {words}", renewing, renewed, NOW
    yield "Idle", "Failed: renewal forbidden", renewing, events.Failed(RENEW, FORBIDDEN), NOW
    yield "Idle", "Failed: renewal, Vault away", renewing, events.Failed(RENEW, AWAY), NOW
    check = agent(key(Idle(), watch=Watch(check_at=NOW)))
    yield "Idle", "check_every is over", check, events.Woke(), NOW
    looking = agent(key(Idle(), call=Call.LOOKUP))
    yield "Idle", "LookedUp: gone", looking, events.LookedUp(LOOK_UP, None), NOW
    probe = agent(key(Idle(), watch=Watch(probe_at=NOW)))
    yield "Idle", "probe_every is over", probe, events.Woke(), NOW
    asked = actions.Test("key", "now", SECRET)
    refused = events.Tested(asked, Finding(Verdict.REFUSED, "example"))
    for words, refusals in (("first time", 0), ("second time", 1)):
        probed = agent(key(Idle(), probing="now", watch=Watch(refusals=refusals)))
        yield "Idle", f"Tested: refused, {words}", probed, refused, NOW
    tag = f"1-{SECRET.fingerprint}"
    yield "Idle", "Reported", idle, events.Reported("key", tag), NOW
    yield "Idle", "RotateRequested", idle, events.RotateRequested("key"), NOW
    at_once = events.RotateRequested("key", compromised=True, now=True)
    yield "Idle", "RotateRequested, now", idle, at_once, NOW
    yield "Idle", "FilesChanged", idle, events.FilesChanged("key"), NOW
    yield "Idle", "ClockJumped", idle, events.ClockJumped(), NOW
    waiting = agent(key(Wanted(Reason.DUE)), NO_TOKEN)
    yield "Wanted", "the lease has ended", waiting, events.Woke(), NOW + HOUR
    stale = Watch(stale=True, refusals=1)
    last = agent(key(Wanted(Reason.DUE), probing="now", watch=stale), NO_TOKEN)
    yield "Wanted", "Tested: refused again, while stale", last, refused, NOW + HOUR
    yield "Wanted", "max_stale is over", waiting, events.Woke(), NOW + 13 * HOUR


def lease_rows() -> Iterator[Row]:
    """What becomes of leases that were replaced, and of files that were not written."""
    old = Retired(lease("old"), inf)
    out = agent(key(Idle(), publishing=True, retired=(old,)))
    yield "Idle", "Published", out, events.Published(PUBLISH), NOW
    yield "Idle", "Published, a file failed", out, events.Published(PUBLISH, (FULL,)), NOW
    over = agent(key(Idle(), retired=(replace(old, revoke_at=NOW),)))
    yield "Idle", "the overlap is over", over, events.Woke(), NOW
    ending = agent(key(Idle(), call=Call.REVOKE, retired=(replace(old, revoke_at=NOW),)))
    yield "Idle", "Revoked", ending, events.Revoked(REVOKE), NOW
    yield "Idle", "Failed: revocation forbidden", ending, events.Failed(REVOKE, FORBIDDEN), NOW
    unclear = replace(old, revoke_at=NOW, failures=1, uncertain=True)
    yield (
        "Idle",
        "a refused revocation is due again",
        agent(key(Idle(), retired=(unclear,))),
        events.Woke(),
        NOW,
    )


def token_rows() -> Iterator[Row]:
    """The token, and the link to Vault."""
    idle = key(Idle())
    log_in = actions.LogIn(None)
    yield "no token", "a login is due", agent(idle, NO_TOKEN), events.Woke(), NOW
    entering = Tokens(call=TokenCall.LOGIN)
    wanted = key(Wanted(Reason.FIRST), held=False)
    yield "no token", "LoggedIn", agent(wanted, entering), events.LoggedIn(log_in, LOGIN), NOW
    yield (
        "no token",
        "Failed: login",
        agent(wanted, entering),
        events.Failed(log_in, FORBIDDEN),
        NOW,
    )
    held = agent(idle)
    lasting = agent(key(Wanted(Reason.FIRST), held=False, call=Call.LOOKUP))
    yield "token", "its point has come", lasting, events.Woke(), NOW + 6.5 * HOUR
    renewing = agent(idle, Tokens(current=token(), count=1, call=TokenCall.RENEW))
    clipped = events.TokenRenewed(RENEW_TOKEN, Renewal(60.0, renewable=True, asked_at=NOW))
    yield "token", "TokenRenewed, clipped", renewing, clipped, NOW
    yield "token", "Failed: token invalid", held, events.Failed(LOOK_UP, INVALID), NOW
    left = agent(key(Idle(), held=False), Tokens(current=token(2), retired=(token(),)))
    yield "token", "an old one has no lease left", left, events.Woke(), NOW
    revoking = replace(left, tokens=replace(left.tokens, call=TokenCall.REVOKE))
    gone = events.TokenRevoked(actions.RevokeToken(1, SECRET))
    yield "token", "TokenRevoked", revoking, gone, NOW
    yield "token", "CredentialChanged", held, events.CredentialChanged(), NOW
    away = agent(idle, link=Link(away=True, ping_at=NOW, fault=AWAY))
    yield "token, Vault away", "a ping is due", away, events.Woke(), NOW
    pinging = replace(away, link=replace(away.link, pinging=True))
    failed = events.Failed(actions.Ping(), AWAY)
    yield "token, Vault away", "Failed: ping", pinging, failed, NOW
    yield "token, Vault away", "Pinged", pinging, events.Pinged(actions.Ping()), NOW
    yield "token", "StopRequested, keep", held, events.StopRequested(), NOW
