"""Make before break: a new key is minted, tested, and published before the old one goes."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from freshkey.core.actions import Issue, Level, Test
from freshkey.core.backoff import CAP, delay, doubling
from freshkey.core.faults import Fault, FaultKind, Operation, Trouble
from freshkey.core.policy import VerifyMode
from freshkey.core.publishing import publish
from freshkey.core.revocation import end_overlaps, retire
from freshkey.core.state import (
    BackingOff,
    Call,
    Credential,
    Idle,
    Lease,
    Minting,
    Names,
    Testing,
    Wanted,
)
from freshkey.core.timing import Course, find, good_until, next_for, point
from freshkey.core.verdict import Verdict

if TYPE_CHECKING:
    from freshkey.core.events import Issued, Tested
    from freshkey.core.policy import KeyPolicy
    from freshkey.core.state import KeyState, Reason
    from freshkey.core.token_state import Token
    from freshkey.core.turn import Turn

_RETEST_BASE = 0.25  # a key that is not active yet usually is within a second or two
_RETEST_CAP = 4.0


def remaining(key: KeyState, turn: Turn) -> float:
    """Return for how many seconds the published key is still good, 0 when it is refused."""
    if key.current is None or key.watch.refusals:
        return 0.0
    return good_until(key.current.lease, turn.tokens) - turn.now


def want(key: KeyState, reason: Reason, turn: Turn) -> KeyState:
    """Ask for a replacement. One that is under way serves; one that backs off keeps its wait."""
    if not isinstance(key.cycle, Idle):
        return key
    turn.tell("key.replacement_wanted", key=key.name, reason=reason.value)
    return end_overlaps(replace(key, cycle=Wanted(reason)), turn)


def plan(key: KeyState, turn: Turn) -> KeyState:
    """Do what the replacement's own deadlines ask for."""
    match key.cycle:
        case Idle() if key.current is not None:
            coming = next_for(key.current.lease, turn.of(key), turn.tokens, turn.lead)
            if coming.course is Course.REPLACE and turn.due(coming.at):
                return want(key, coming.reason, turn)
            return key
        case BackingOff() as waiting:
            if turn.due(_retry_at(key, waiting, turn)):
                return end_overlaps(replace(key, cycle=Wanted(waiting.reason)), turn)
            return key
        case Testing() as testing:
            return _plan_testing(key, testing, turn)
        case _:
            return key


def mint(key: KeyState, wanted: Wanted, token: Token, turn: Turn, *, in_budget: bool) -> KeyState:
    """Order the mint; the state that says so is in the journal before the order leaves."""
    reason = wanted.reason
    if not in_budget:
        if not wanted.over_budget:
            turn.tell("mint.over_budget", Level.WARNING, key=key.name, reason=reason.value)
        return replace(key, cycle=Wanted(reason, over_budget=True))
    turn.audit("key.mint_intended", key.name, reason=reason.value)
    turn.do(Issue(key.name, token.number, token.secret))
    return replace(key, cycle=Minting(reason, token.number, turn.now), call=Call.MINT)


def on_issued(key: KeyState, event: Issued, turn: Turn) -> KeyState:
    """Vault minted: the key is tested, or published at once where nothing is tested."""
    grant = event.grant
    lease = Lease(
        id=grant.lease_id,
        token=event.order.token_number,
        term=grant.duration,
        renewable=grant.renewable,
        started_at=grant.asked_at,
        expires_at=grant.asked_at + grant.duration,
        draw=turn.chance.draw(key.name, "point"),
        lag=turn.now - grant.asked_at,
        names=Names(
            tag=f"{key.generation + 1}-{grant.secret.fingerprint}",
            api_key_id=grant.api_key_id,
            service_account=grant.service_account,
        ),
    )
    turn.audit(
        "key.minted",
        key.name,
        lease,
        duration=grant.duration,
        expires_at=lease.expires_at,
        request_id=grant.request_id,
    )
    credential = Credential(lease, grant.secret)
    key = replace(key, call=None)
    if not isinstance(key.cycle, Minting):
        return retire(key, lease, turn.now)
    if turn.of(key).verify is VerifyMode.OFF and turn.stopping is None:
        return publish(key, credential, key.cycle.reason, turn)
    testing = Testing(key.cycle.reason, credential, since=turn.now, retry_at=turn.now)
    return replace(key, cycle=testing)


def on_issue_failed(key: KeyState, fault: Fault, turn: Turn) -> KeyState:
    """The mint failed: wait, or, when only the token was at fault, queue again for the next one."""
    key = replace(key, call=None)
    cycle = key.cycle
    if not isinstance(cycle, Minting):
        return key
    if fault.orphan is not None:
        key = _retire_orphan(key, cycle, fault.orphan, turn)
    if fault.unanswered:
        turn.audit("mint.abandoned", key.name, level=Level.WARNING, message=fault.message)
    trouble = Trouble(Operation.MINT, fault, turn.now)
    if fault.kind is FaultKind.TOKEN_INVALID:
        return replace(key, cycle=Wanted(cycle.reason), trouble=trouble)
    return back_off(key, cycle.reason, trouble, turn)


def back_off(key: KeyState, reason: Reason, trouble: Trouble, turn: Turn) -> KeyState:
    """Note a failed replacement, and when the next one is tried."""
    fault = trouble.fault
    failures = key.failures + 1
    wait = delay(fault, failures, turn.chance.draw(key.name, "backoff"), remaining(key, turn))
    turn.audit(
        "key.replacement_failed",
        key.name,
        level=Level.WARNING,
        reason=reason.value,
        operation=trouble.operation.value,
        fault=fault.kind.value,
        message=fault.message,
        retry_in=round(wait, 1),
    )
    cycle = BackingOff(reason, since=turn.now, until=turn.now + wait, fault=fault)
    turn.due(cycle.until)  # when this is decided by a deadline, nothing else asks to be woken
    return replace(key, cycle=cycle, failures=failures, trouble=trouble)


def _retry_at(key: KeyState, waiting: BackingOff, turn: Turn) -> float:
    """A key that was good when its replacement failed may wait long; once it is not, it may not."""
    if remaining(key, turn) > 0:
        return waiting.until
    longest = delay(waiting.fault, key.failures, draw=1.0, remaining=0.0)
    return min(waiting.until, waiting.since + longest)


def on_candidate_tested(key: KeyState, testing: Testing, event: Tested, turn: Turn) -> KeyState:
    """A verdict on the minted key: publish it, test it again, or give it up."""
    verdict = event.finding.verdict
    tell_tested(key, testing.candidate, event, turn)
    if verdict is Verdict.GOOD:
        return publish(key, testing.candidate, testing.reason, turn)
    deadline = _publish_by(key, testing, turn) if verdict is Verdict.UNKNOWN else inf
    last_try = testing.since + turn.of(key).activation_timeout
    if verdict is Verdict.REFUSED and turn.now >= last_try:
        return _give_up(key, testing, event.finding.detail, turn)
    attempts = testing.attempts + 1
    early = turn.now < last_try
    draw = 0.5 + 0.5 * turn.chance.draw(key.name, "retest")
    pause = doubling(_RETEST_BASE, _RETEST_CAP if early else CAP, attempts) * draw
    retry_at = min(turn.now + pause, last_try) if early else turn.now + pause
    testing = replace(
        testing, attempts=attempts, verdict=verdict, retry_at=min(retry_at, max(deadline, turn.now))
    )
    words = f"OpenAI does not take the new key yet ({verdict}): {event.finding.detail}"
    trouble = Trouble(Operation.TEST, Fault(FaultKind.REFUSED, words), turn.now)
    return replace(key, cycle=testing, trouble=trouble)


def tell_tested(
    key: KeyState, tested: Credential, event: Tested, turn: Turn, level: Level = Level.INFO
) -> None:
    """Every test goes on record."""
    verdict, detail = event.finding.verdict.value, event.finding.detail
    turn.audit("key.tested", key.name, tested.lease, level, verdict=verdict, detail=detail)


def _plan_testing(key: KeyState, testing: Testing, turn: Turn) -> KeyState:
    policy = turn.of(key)
    lease = testing.candidate.lease
    token = find(turn.tokens, lease.token)
    if token is None or token.lost_at < inf:
        return replace(retire(key, lease, turn.now), cycle=Wanted(testing.reason))
    match testing.verdict:
        case _ if policy.verify is VerifyMode.OFF:
            publish_by = turn.now
        case None if policy.verify is VerifyMode.PREFER:  # the first test is still on its way
            publish_by = _patience(testing, turn.of(key))
        case Verdict.UNKNOWN:
            publish_by = _publish_by(key, testing, turn)
        case _:
            publish_by = inf
    if turn.due(publish_by):
        level = Level.INFO if policy.verify is VerifyMode.OFF else Level.WARNING
        turn.tell("key.published_untested", level, key=key.name, lease_id=lease.id)
        return publish(key, testing.candidate, testing.reason, turn)
    last_try = testing.since + policy.activation_timeout
    if turn.due(min(max(point(lease, policy), last_try), lease.expires_at)):
        return _give_up(key, testing, "OpenAI did not vouch for it in time", turn)
    if key.probing is None and turn.due(testing.retry_at):
        turn.do(Test(key.name, lease.id, testing.candidate.secret))
        return replace(key, probing=lease.id)
    return key


def _publish_by(key: KeyState, testing: Testing, turn: Turn) -> float:
    """When a key that OpenAI could not judge is published all the same, under `prefer`."""
    policy = turn.of(key)
    if policy.verify is VerifyMode.REQUIRE:
        return inf
    patience = _patience(testing, policy)
    if key.current is None:
        return patience
    end = good_until(key.current.lease, turn.tokens)
    return min(patience, max(testing.since, end - policy.overlap))


def _patience(testing: Testing, policy: KeyPolicy) -> float:
    """Until when OpenAI may take to judge a new key, whose lease may be short, or half gone."""
    lease = testing.candidate.lease
    half = (testing.since + lease.expires_at) / 2
    return min(testing.since + policy.activation_timeout, max(half, point(lease, policy)))


def _give_up(key: KeyState, testing: Testing, detail: str, turn: Turn) -> KeyState:
    """OpenAI refuses a fresh key too, so the fault is not the key: the old one stays."""
    fault = Fault(FaultKind.REFUSED, f"OpenAI refuses the new key: {detail}")
    key = retire(key, testing.candidate.lease, turn.now)
    return back_off(key, testing.reason, Trouble(Operation.TEST, fault, turn.now), turn)


def _retire_orphan(
    key: KeyState, cycle: Minting, orphan: tuple[str, float], turn: Turn
) -> KeyState:
    lease_id, duration = orphan
    lease = Lease(
        id=lease_id,
        token=cycle.token,
        term=duration,
        renewable=False,
        started_at=turn.now,
        expires_at=turn.now + duration,
        draw=0.0,
    )
    return retire(key, lease, turn.now)
