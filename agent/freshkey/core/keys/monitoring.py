"""Watching the published key: probes at OpenAI, readers' reports, staleness."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, assert_never

from freshkey.core.keys.publishing import withdraw
from freshkey.core.keys.refreshing import is_missing
from freshkey.core.keys.replacement import want
from freshkey.core.keys.verification import tell_tested
from freshkey.core.model.actions import Level, Test
from freshkey.core.model.policy import VerifyMode
from freshkey.core.model.state import BackingOff, Idle, Reason, Wanted
from freshkey.core.model.struct import replace
from freshkey.core.model.verdict import Verdict
from freshkey.core.pacing.timing import good_until

if TYPE_CHECKING:
    from freshkey.core.model.events import Reported, Tested
    from freshkey.core.model.state import Credential, KeyState
    from freshkey.core.pacing.context import StepContext

STALE_PROBE_EVERY = 5.0
SECOND_LOOK = 1.0  # one refusal may be a slip; two, a second apart, are not
REPORT_PAUSE = 5.0


def plan(key: KeyState, context: StepContext) -> KeyState:
    """Mark a key that passed its expiry, withdraw one that is too old, and probe what is due."""
    current = key.current
    if current is None:
        return key
    end = good_until(current.lease, context.tokens)
    if context.due(end):
        key = want(_mark_stale(key, current, context), Reason.DUE, context)
        if context.due(end + context.of(key).max_stale):
            return withdraw(key, "max_stale", context)
    elif key.watch.stale:
        key = replace(key, watch=replace(key.watch, stale=False))
    if context.of(key).verify is VerifyMode.OFF or key.probing is not None:
        return key
    if context.due(key.watch.probe_at):
        context.do(Test(key.name, current.lease.id, current.secret))
        watch = replace(key.watch, probe_at=inf, probed_at=context.now)
        return replace(key, probing=current.lease.id, watch=watch)
    return key


def on_tested(key: KeyState, current: Credential, event: Tested, context: StepContext) -> KeyState:
    """A verdict on the published key."""
    verdict = event.finding.verdict
    level = Level.WARNING if verdict is Verdict.REFUSED else Level.INFO
    tell_tested(key, current, event, context, level)
    stale = key.watch.stale
    if verdict is Verdict.UNKNOWN and stale and context.of(key).verify is VerifyMode.REQUIRE:
        verdict = Verdict.REFUSED
    if verdict is not Verdict.REFUSED and _reported_since(key):
        return replace(key, watch=replace(key.watch, refusals=0))
    match verdict:
        case Verdict.GOOD:
            key = _accept(key)
            return _next_probe(replace(key, watch=replace(key.watch, claimed=False)), context)
        case Verdict.UNKNOWN:
            watch = replace(key.watch, refusals=0)
            if watch.claimed:
                watch = replace(watch, check_at=context.now)
            return _next_probe(replace(key, watch=watch), context)
        case Verdict.REFUSED:
            return _on_refused(key, context)
        case _:
            assert_never(verdict)


def on_reported(key: KeyState, event: Reported, context: StepContext) -> KeyState:
    """A reader met a 401: test the key, at most once in 5 s; without tests, ask Vault."""
    current = key.current
    if current is None or event.tag != f"{key.generation}-{current.secret.fingerprint}":
        return key
    asked = key.probing == current.lease.id and not _reported_since(key)
    if key.watch.claimed and not asked:
        return key
    context.audit("key.reported", key.name, current.lease, Level.WARNING)
    watch = replace(key.watch, claimed=True)
    at = max(context.now, watch.probed_at + REPORT_PAUSE)
    if context.of(key).verify is VerifyMode.OFF:
        watch = replace(watch, check_at=min(watch.check_at, at), probed_at=at)
    else:
        watch = replace(watch, probe_at=min(watch.probe_at, at))
    return replace(key, watch=watch)


def _reported_since(key: KeyState) -> bool:
    """Whether a reader reported the key after the test under way was asked for.

    That test says how the key was before, so another one is due.
    """
    return key.watch.claimed and key.watch.probe_at < inf


def _mark_stale(key: KeyState, current: Credential, context: StepContext) -> KeyState:
    if key.watch.stale:
        return key
    context.tell(
        "key.stale",
        Level.WARNING,
        key=key.name,
        generation=key.generation,
        lease_id=current.lease.vault_id,
        api_key_id=current.lease.names.api_key_id,
    )
    watch = replace(key.watch, stale=True, refusals=0)
    if key.probing != current.lease.id:
        watch = replace(watch, probe_at=context.now)
    return replace(key, watch=watch)


def _on_refused(key: KeyState, context: StepContext) -> KeyState:
    refusals = key.watch.refusals + 1
    claimed = key.watch.claimed
    watch = replace(key.watch, refusals=refusals)
    if refusals > 1 and (key.watch.stale or is_missing(key)):
        return want(withdraw(key, "refused", context), Reason.REFUSED, context)
    key = replace(key, watch=replace(watch, claimed=False, probe_at=context.now + SECOND_LOOK))
    if refusals > 1 or (claimed and not key.watch.stale):
        key = _next_probe(key, context)
    if refusals > 1 or claimed:
        return want(key, Reason.REPORTED if claimed else Reason.REFUSED, context)
    return key


def _next_probe(key: KeyState, context: StepContext) -> KeyState:
    every = context.of(key).probe_every
    if key.watch.stale:
        at = context.now + STALE_PROBE_EVERY
    elif every:
        at = context.now + every
    else:
        at = inf
    return replace(key, watch=replace(key.watch, probe_at=at))


def _accept(key: KeyState) -> KeyState:
    """OpenAI takes the key after all: no need to replace it for a refusal."""
    watch = replace(key.watch, refusals=0)
    match key.cycle:
        case Wanted(reason=Reason.REFUSED) | BackingOff(reason=Reason.REFUSED) if not watch.stale:
            return replace(key, watch=watch, cycle=Idle(), trouble=None)
        case _:
            return replace(key, watch=watch)
