"""Whether Vault answers: while it does not, one cheap request at a time asks for all keys."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from freshkey.core.model.actions import Level, Ping
from freshkey.core.model.faults import OUTAGES, Fault
from freshkey.core.model.state import BackingOff, KeyState, Link
from freshkey.core.model.struct import replace
from freshkey.core.pacing.backoff import CAP, delay, doubling
from freshkey.core.pacing.timing import good_until

if TYPE_CHECKING:
    from freshkey.core.pacing.context import StepContext

URGENT_PING_EVERY = 2.0
LEAST_PAUSE = 3.0  # between a failed call and its repetition when Vault is back; doubles too
_LAST_PART = 0.1
_SHARE_OF_REST = 0.1  # a minute is short for a key that lives an hour, and long for a short one


def on_fault(link: Link, fault: Fault, context: StepContext) -> Link:
    """A call failed because Vault is away: hold everything back until a ping is answered."""
    if fault.kind not in OUTAGES or link.away:
        return link
    context.tell("vault.away", Level.WARNING, fault=fault.kind.value, message=fault.message)
    return _wait(replace(link, away=True), fault, context)


def on_ping_failed(link: Link, fault: Fault, context: StepContext) -> Link:
    """Still away."""
    return _wait(replace(link, pinging=False), fault, context)


def on_pinged(context: StepContext) -> Link:
    """Vault is back."""
    context.tell("vault.back")
    return Link(pinged_at=context.now)


def plan(link: Link, keys: tuple[KeyState, ...], context: StepContext) -> Link:
    """Order a ping when one is due.

    It waits at most a tenth of what remains of any key, and two seconds when one needs Vault now,
    or has answered a ping, and failed at the next call.
    """
    if not link.away or link.pinging:
        return link
    waits = (_longest_wait(key, link, context) for key in keys if key.name in context.policy.keys)
    due_at = min(link.ping_at, link.failed_at + min(waits, default=inf))
    if not context.due(max(due_at, link.pinged_at + URGENT_PING_EVERY)):
        return link
    context.do(Ping())
    return replace(link, pinging=True)


def hasten(
    until: float, failed_at: float, failures: int, fault: Fault, context: StepContext
) -> float:
    """Vault is back: what failed because it was away is tried again soon.

    What fails again and again although a ping is answered keeps a backoff.
    """
    if fault.kind not in OUTAGES:
        return until
    return min(until, max(context.now, failed_at + doubling(LEAST_PAUSE, CAP, failures)))


def hasten_key(key: KeyState, context: StepContext) -> KeyState:
    """Shorten the waits of one key when Vault is back."""
    watch = key.watch
    if key.trouble is not None and key.trouble.fault.kind in OUTAGES:
        renew_at = context.now + doubling(LEAST_PAUSE, CAP, watch.renew_failures)
        check_at = context.now + doubling(LEAST_PAUSE, CAP, watch.check_failures)
        watch = replace(
            watch,
            renew_at=min(watch.renew_at, renew_at),
            check_at=min(watch.check_at, check_at) if watch.check_failures else watch.check_at,
        )
        key = replace(key, watch=watch)
    match key.cycle:
        case BackingOff(since=since, until=until, fault=fault) as cycle:
            until = hasten(until, since, key.failures, fault, context)
            return replace(key, cycle=replace(cycle, until=until))
        case _:
            return key


def _wait(link: Link, fault: Fault, context: StepContext) -> Link:
    failures = link.failures + 1
    wait = delay(fault, failures, context.chance.draw("ping"), remaining=0.0)
    return replace(
        link, failures=failures, ping_at=context.now + wait, failed_at=context.now, fault=fault
    )


def _longest_wait(key: KeyState, link: Link, context: StepContext) -> float:
    """Return how long after the last failure one key can do without a ping."""
    if key.current is None:
        return URGENT_PING_EVERY
    lease = key.current.lease
    if lease.static:
        return inf
    end = good_until(lease, context.tokens)
    if context.due(end - _LAST_PART * (lease.expires_at - lease.started_at)):
        return URGENT_PING_EVERY
    return max(URGENT_PING_EVERY, _SHARE_OF_REST * (end - link.failed_at))
