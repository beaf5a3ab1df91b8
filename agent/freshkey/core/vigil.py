"""Watching the published key: probes at OpenAI, readers' reports, staleness."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, assert_never

from freshkey.core.actions import Level, Test
from freshkey.core.policy import VerifyMode
from freshkey.core.publishing import withdraw
from freshkey.core.refreshing import is_missing
from freshkey.core.replacement import want
from freshkey.core.state import BackingOff, Idle, Reason, Wanted
from freshkey.core.timing import good_until
from freshkey.core.trial import tell_tested
from freshkey.core.verdict import Verdict

if TYPE_CHECKING:
    from freshkey.core.events import Reported, Tested
    from freshkey.core.state import Credential, KeyState
    from freshkey.core.turn import Turn

STALE_PROBE_EVERY = 5.0
SECOND_LOOK = 1.0  # one refusal may be a slip; two, a second apart, are not
REPORT_PAUSE = 5.0


def plan(key: KeyState, turn: Turn) -> KeyState:
    """Mark a key that passed its expiry, withdraw one that is too old, and probe what is due."""
    current = key.current
    if current is None:
        return key
    end = good_until(current.lease, turn.tokens)
    if turn.due(end):
        key = want(_grow_stale(key, current, turn), Reason.DUE, turn)
        if turn.due(end + turn.of(key).max_stale):
            return want(withdraw(key, "max_stale", turn), Reason.DUE, turn)
    elif key.watch.stale:
        key = replace(key, watch=replace(key.watch, stale=False))
    if turn.of(key).verify is VerifyMode.OFF or key.probing is not None:
        return key
    if turn.due(key.watch.probe_at):
        turn.do(Test(key.name, current.lease.id, current.secret))
        watch = replace(key.watch, probe_at=inf, probed_at=turn.now)
        return replace(key, probing=current.lease.id, watch=watch)
    return key


def on_tested(key: KeyState, current: Credential, event: Tested, turn: Turn) -> KeyState:
    """A verdict on the published key."""
    verdict = event.finding.verdict
    level = Level.WARNING if verdict is Verdict.REFUSED else Level.INFO
    tell_tested(key, current, event, turn, level)
    stale = key.watch.stale
    if verdict is Verdict.UNKNOWN and stale and turn.of(key).verify is VerifyMode.REQUIRE:
        verdict = Verdict.REFUSED
    if verdict is not Verdict.REFUSED and _reported_since(key):
        return replace(key, watch=replace(key.watch, refusals=0))
    match verdict:
        case Verdict.GOOD:
            key = _content(key)
            return _next_probe(replace(key, watch=replace(key.watch, claimed=False)), turn)
        case Verdict.UNKNOWN:
            watch = replace(key.watch, refusals=0)
            if watch.claimed:
                watch = replace(watch, check_at=turn.now)
            return _next_probe(replace(key, watch=watch), turn)
        case Verdict.REFUSED:
            return _on_refused(key, turn)
        case _:
            assert_never(verdict)


def on_reported(key: KeyState, event: Reported, turn: Turn) -> KeyState:
    """A reader met a 401: test the key, at most once in 5 s; without tests, ask Vault."""
    current = key.current
    tag = current and f"{key.generation}-{current.secret.fingerprint}"
    if current is None or tag != event.tag:
        return key
    asked = key.probing == current.lease.id and not _reported_since(key)
    if key.watch.claimed and not asked:
        return key
    turn.audit("key.reported", key.name, current.lease, Level.WARNING)
    watch = replace(key.watch, claimed=True)
    at = max(turn.now, watch.probed_at + REPORT_PAUSE)
    if turn.of(key).verify is VerifyMode.OFF:
        watch = replace(watch, check_at=min(watch.check_at, at), probed_at=at)
    else:
        watch = replace(watch, probe_at=min(watch.probe_at, at))
    return replace(key, watch=watch)


def _reported_since(key: KeyState) -> bool:
    """Whether a reader reported the key after the test under way was asked for.

    That test says how the key was before, so another one is due.
    """
    return key.watch.claimed and key.watch.probe_at < inf


def _grow_stale(key: KeyState, current: Credential, turn: Turn) -> KeyState:
    if key.watch.stale:
        return key
    turn.tell(
        "key.stale",
        Level.WARNING,
        key=key.name,
        generation=key.generation,
        lease_id=current.lease.id,
        api_key_id=current.lease.names.api_key_id,
    )
    watch = replace(key.watch, stale=True, refusals=0)
    if key.probing != current.lease.id:
        watch = replace(watch, probe_at=turn.now)
    return replace(key, watch=watch)


def _on_refused(key: KeyState, turn: Turn) -> KeyState:
    refusals = key.watch.refusals + 1
    claimed = key.watch.claimed
    watch = replace(key.watch, refusals=refusals)
    if refusals > 1 and (key.watch.stale or is_missing(key)):
        return want(withdraw(key, "refused", turn), Reason.REFUSED, turn)
    key = replace(key, watch=replace(watch, claimed=False, probe_at=turn.now + SECOND_LOOK))
    if refusals > 1 or (claimed and not key.watch.stale):
        key = _next_probe(key, turn)
    if refusals > 1 or claimed:
        return want(key, Reason.REPORTED if claimed else Reason.REFUSED, turn)
    return key


def _next_probe(key: KeyState, turn: Turn) -> KeyState:
    every = turn.of(key).probe_every
    if key.watch.stale:
        at = turn.now + STALE_PROBE_EVERY
    elif every:
        at = turn.now + every
    else:
        at = inf
    return replace(key, watch=replace(key.watch, probe_at=at))


def _content(key: KeyState) -> KeyState:
    """OpenAI takes the key after all: no need to replace it for a refusal."""
    watch = replace(key.watch, refusals=0)
    match key.cycle:
        case Wanted(reason=Reason.REFUSED) | BackingOff(reason=Reason.REFUSED) if not watch.stale:
            return replace(key, watch=watch, cycle=Idle(), trouble=None)
        case _:
            return replace(key, watch=watch)
