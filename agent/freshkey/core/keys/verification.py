"""A minted key is tested at OpenAI before it is published."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from freshkey.core.keys.publishing import publish
from freshkey.core.keys.replacement import back_off
from freshkey.core.keys.revocation import leave, retire
from freshkey.core.model.actions import Level, Test
from freshkey.core.model.faults import Fault, FaultKind, Operation, Trouble
from freshkey.core.model.policy import VerifyMode
from freshkey.core.model.state import BackingOff, Testing, Wanted
from freshkey.core.model.struct import replace
from freshkey.core.model.verdict import Verdict
from freshkey.core.pacing.backoff import CAP, before_end, doubling
from freshkey.core.pacing.timing import SLEPT, find, good_until, renewal_time

if TYPE_CHECKING:
    from freshkey.core.model.events import Tested
    from freshkey.core.model.policy import KeyPolicy
    from freshkey.core.model.state import Credential, KeyState, Lease
    from freshkey.core.pacing.context import StepContext

_RETEST_BASE = 0.25  # a key that is not active yet usually is within a second or two
_RETEST_CAP = 4.0


def on_tested(key: KeyState, testing: Testing, event: Tested, context: StepContext) -> KeyState:
    """A verdict on the minted key: publish it, test it again, or give it up."""
    verdict, detail = event.finding.verdict, event.finding.detail
    tell_tested(key, testing.candidate, event, context)
    if verdict is Verdict.GOOD:
        return publish(key, testing.candidate, testing.reason, context)
    if context.now >= good_until(testing.candidate.lease, context.tokens):
        return _on_ended(key, testing, context)
    testing = _awake(testing, context)
    last_try = testing.since + context.of(key).activation_timeout
    if verdict is Verdict.REFUSED and context.now >= last_try:
        return _give_up(key, replace(testing, verdict=verdict, detail=detail), context)
    testing = replace(testing, attempts=testing.attempts + 1, verdict=verdict, detail=detail)
    testing = replace(testing, retry_at=_retry_at(key, testing, context))
    return replace(key, cycle=testing, trouble=_trouble(testing, context))


def _on_ended(key: KeyState, testing: Testing, context: StepContext) -> KeyState:
    """What OpenAI says of a key that has ended tells of no other one."""
    if _was_slept_through(testing, context):
        return _begin_anew(key, testing, context)
    if context.now < testing.candidate.lease.expires_at:
        return _begin_anew_once(key, testing, context)
    return _give_up_ended(key, testing, context)


def _begin_anew(key: KeyState, testing: Testing, context: StepContext) -> KeyState:
    key = retire(key, testing.candidate.lease, context.now)
    return replace(key, cycle=Wanted(testing.reason))


def _begin_anew_once(key: KeyState, testing: Testing, context: StepContext) -> KeyState:
    """Tokens may end so soon that OpenAI can judge no key: a second failure in a row waits."""
    if key.failures:
        return _give_up_ended(key, testing, context)
    return replace(_begin_anew(key, testing, context), failures=1)


def _give_up_ended(key: KeyState, testing: Testing, context: StepContext) -> KeyState:
    if testing.verdict is not Verdict.REFUSED:
        testing = replace(testing, detail="it ended before OpenAI accepted it")
    return _give_up(key, testing, context)


def _retry_at(key: KeyState, testing: Testing, context: StepContext) -> float:
    """Return when the next test is. A last one falls before the key is given up."""
    policy = context.of(key)
    draw = 0.5 + 0.5 * context.chance.draw(key.name, "retest")
    last_try = testing.since + policy.activation_timeout
    if context.now < last_try:
        pause = doubling(_RETEST_BASE, _RETEST_CAP, testing.attempts) * draw
        return min(context.now + pause, last_try)
    pause = doubling(_RETEST_BASE, CAP, testing.attempts) * draw
    left = _give_up_at(testing, policy) - context.now
    return context.now + before_end(_RETEST_CAP, pause, left)


def tell_tested(
    key: KeyState,
    tested: Credential,
    event: Tested,
    context: StepContext,
    level: Level = Level.INFO,
) -> None:
    """Every test goes on record."""
    verdict, detail = event.finding.verdict.value, event.finding.detail
    context.audit("key.tested", key.name, tested.lease, level, verdict=verdict, detail=detail)


def plan(key: KeyState, context: StepContext) -> KeyState:
    """Do what the deadlines of the test ask for."""
    testing = key.cycle
    if not isinstance(testing, Testing):
        return key
    policy = context.of(key)
    lease = testing.candidate.lease
    if _lost_its_token(lease, context) or _was_slept_through(testing, context):
        return _begin_anew(key, testing, context)
    if _outlived_its_token(testing, context):
        return _begin_anew_once(key, testing, context)
    testing = testing if key.probing else _awake(testing, context)
    key = replace(key, cycle=testing)
    match testing.verdict:
        case _ if policy.verify is VerifyMode.OFF:
            publish_by = context.now
        case None if policy.verify is VerifyMode.PREFER:  # the first test is still on its way
            publish_by = _judge_by(testing, policy)
        case Verdict.UNKNOWN:
            publish_by = _publish_by(key, testing, context)
        case _:
            publish_by = inf
    if context.due(publish_by):
        level = Level.INFO if policy.verify is VerifyMode.OFF else Level.WARNING
        context.tell("key.published_untested", level, key=key.name, lease_id=lease.vault_id)
        return publish(key, testing.candidate, testing.reason, context)
    is_last = key.probing == lease.id  # its answer may still save the key
    if context.due(lease.expires_at if is_last else _give_up_at(testing, policy)):
        return _give_up(key, testing, context)
    if key.probing is None and context.due(testing.retry_at):
        context.do(Test(key.name, lease.id, testing.candidate.secret))
        return replace(key, probing=lease.id)
    return key


def _lost_its_token(lease: Lease, context: StepContext) -> bool:
    token = find(context.tokens, lease.token)
    return lease.is_of_vault and (token is None or token.lost_at < inf)


def _outlived_its_token(testing: Testing, context: StepContext) -> bool:
    """Whether the token of a key that is not published yet has ended, and the key with it."""
    token = find(context.tokens, testing.candidate.lease.token)
    return token is not None and context.due(token.good_until)


def _was_slept_through(testing: Testing, context: StepContext) -> bool:
    """Whether the lease has ended while nobody tested: no verdict tells of the next key."""
    return context.now >= testing.candidate.lease.expires_at and _is_late(testing, context)


def _awake(testing: Testing, context: StepContext) -> Testing:
    """Begin to count anew where the machine slept: what was said before tells nothing of now."""
    if not _is_late(testing, context):
        return testing
    return replace(testing, since=context.now, retry_at=context.now)


def _is_late(testing: Testing, context: StepContext) -> bool:
    return context.now > testing.retry_at + SLEPT


def _publish_by(key: KeyState, testing: Testing, context: StepContext) -> float:
    """When a key that OpenAI could not judge is published all the same, under `prefer`."""
    policy = context.of(key)
    if policy.verify is VerifyMode.REQUIRE:
        return inf
    judge_by = _judge_by(testing, policy)
    if key.current is None:
        return judge_by
    end = good_until(key.current.lease, context.tokens)
    return min(judge_by, end - policy.overlap)


def _give_up_at(testing: Testing, policy: KeyPolicy) -> float:
    """When a key that OpenAI has not accepted makes room for another one."""
    lease = testing.candidate.lease
    last_try = testing.since + policy.activation_timeout
    return min(max(renewal_time(lease, policy), last_try), lease.expires_at)


def _judge_by(testing: Testing, policy: KeyPolicy) -> float:
    """Until when OpenAI may take to judge a new key, whose lease may be short, or half gone."""
    lease = testing.candidate.lease
    half = (testing.since + lease.expires_at) / 2
    return min(testing.since + policy.activation_timeout, max(half, renewal_time(lease, policy)))


def _give_up(key: KeyState, testing: Testing, context: StepContext) -> KeyState:
    """OpenAI refuses a fresh key too, so the fault is not the key: the old one stays.

    A key that it could not judge had half its life for that, which bounds the mints by itself: the
    wait after it is that of a fault behind Vault.
    """
    lease = testing.candidate.lease
    leave(key, lease, context, Level.INFO)
    key = retire(key, lease, context.now)
    at_most = context.of(key).refresh if lease.static else inf  # a read costs nothing
    key = back_off(key, testing.reason, _trouble(testing, context), context, at_most=at_most)
    match key.cycle:
        case BackingOff() as waiting if testing.verdict is Verdict.REFUSED:
            return replace(key, cycle=replace(waiting, refused_under=lease.token))
        case _:
            return key


def _trouble(testing: Testing, context: StepContext) -> Trouble:
    """Only a refusal says that OpenAI does not take the key."""
    if testing.verdict is Verdict.REFUSED:
        fault = Fault(FaultKind.REFUSED, f"OpenAI refuses the new key: {testing.detail}")
    else:
        message = f"OpenAI does not vouch for the new key: {testing.detail}"
        fault = Fault(FaultKind.UPSTREAM, message)
    return Trouble(Operation.TEST, fault, context.now)
