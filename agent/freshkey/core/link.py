"""Whether Vault answers: while it does not, one cheap request at a time asks for all keys."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from freshkey.core.actions import Level, Ping
from freshkey.core.backoff import CAP, delay, doubling
from freshkey.core.faults import OUTAGES, Fault
from freshkey.core.state import BackingOff, KeyState, Link
from freshkey.core.timing import good_until

if TYPE_CHECKING:
    from freshkey.core.turn import Turn

URGENT_PING_EVERY = 2.0
LEAST_PAUSE = 3.0  # between a failed call and its repetition when Vault is back; doubles too
_LAST_PART = 0.1


def on_fault(link: Link, fault: Fault, turn: Turn) -> Link:
    """A call failed for want of Vault: hold everything back until a ping is answered."""
    if fault.kind not in OUTAGES or link.away:
        return link
    turn.tell("vault.away", Level.WARNING, fault=fault.kind.value, message=fault.message)
    return _wait(replace(link, away=True, failures=0), fault, turn)


def on_ping_failed(link: Link, fault: Fault, turn: Turn) -> Link:
    """Still away."""
    return _wait(replace(link, pinging=False), fault, turn)


def on_pinged(_link: Link, turn: Turn) -> Link:
    """Vault is back."""
    turn.tell("vault.back")
    return Link()


def plan(link: Link, keys: tuple[KeyState, ...], turn: Turn) -> Link:
    """Order a ping when one is due: within two seconds when a key needs Vault now."""
    if not link.away or link.pinging or turn.stopping is not None:
        return link
    soon = link.failed_at + URGENT_PING_EVERY
    at = link.ping_at
    if at > soon and any(_urgent(key, turn) for key in keys if key.name in turn.policy.keys):
        at = soon
    if not turn.due(at):
        return link
    turn.do(Ping())
    return replace(link, pinging=True)


def hasten(until: float, failed_at: float, failures: int, fault: Fault, turn: Turn) -> float:
    """Vault is back: what failed because it was away is tried again soon.

    What fails again and again although a ping is answered keeps a backoff.
    """
    if fault.kind not in OUTAGES:
        return until
    return min(until, max(turn.now, failed_at + doubling(LEAST_PAUSE, CAP, failures)))


def hasten_key(key: KeyState, turn: Turn) -> KeyState:
    """Shorten the waits of one key when Vault is back."""
    watch = key.watch
    if key.trouble is not None and key.trouble.fault.kind in OUTAGES:
        renew_at = turn.now + doubling(LEAST_PAUSE, CAP, watch.renew_failures)
        check_at = turn.now + doubling(LEAST_PAUSE, CAP, watch.check_failures)
        watch = replace(
            watch,
            renew_at=min(watch.renew_at, renew_at),
            check_at=min(watch.check_at, check_at) if watch.check_failures else watch.check_at,
        )
        key = replace(key, watch=watch)
    match key.cycle:
        case BackingOff(since=since, until=until, fault=fault) as cycle:
            until = hasten(until, since, key.failures, fault, turn)
            return replace(key, cycle=replace(cycle, until=until))
        case _:
            return key


def _wait(link: Link, fault: Fault, turn: Turn) -> Link:
    failures = link.failures + 1
    wait = delay(fault, failures, turn.chance.draw("ping"), remaining=0.0)
    return replace(
        link, failures=failures, ping_at=turn.now + wait, failed_at=turn.now, fault=fault
    )


def _urgent(key: KeyState, turn: Turn) -> bool:
    """Whether a key is missing, stale, or in the last tenth of its life."""
    if key.current is None:
        return True
    lease = key.current.lease
    if lease.static:
        return False
    end = good_until(lease, turn.tokens)
    return turn.due(end - _LAST_PART * (lease.expires_at - lease.started_at))
