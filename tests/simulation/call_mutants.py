"""Agents that ask too often, or too seldom, or too late."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final

from freshkey.core.keys import monitoring
from freshkey.core.model.struct import replace
from freshkey.core.pacing import timing

from tests.simulation.histories import History, Incident, KeyPlan, Kind
from tests.simulation.mutant import Mutant, Replaced, module

if TYPE_CHECKING:
    from collections.abc import Callable

_monitor, _renewal_time = monitoring.plan, timing.renewal_time


def _wait_for_the_end_of_the_key(_base: float, wait: float, remaining: float) -> float:
    return remaining + 1.0 if remaining > 0 else wait


def _wait_past_the_end_of_the_key(_base: float, wait: float, remaining: float) -> float:
    return remaining + 20.0 if remaining > 0 else wait


def _look_up(check_time: Callable[..., float]) -> tuple[Replaced, ...]:
    """Replace when a lease is looked up next, by what is called as `check_time`."""
    return tuple(
        (module(f"keys.{name}"), "check_time", check_time) for name in ("publishing", "renewal")
    )


def _replace_soon(lease: Any, policy: Any) -> float:  # noqa: ANN401 - as renewal_time
    return min(_renewal_time(lease, policy), float(lease.started_at) + 6.0)


def _renew_soon(lease: Any, policy: Any) -> float:  # noqa: ANN401 - as renewal_time
    return _replace_soon(lease, policy) if lease.renewable else _renewal_time(lease, policy)


def _go_on_at(renewal_time: Callable[[Any, Any], float]) -> tuple[Replaced, ...]:
    """Replace when a lease is renewed or replaced."""
    return tuple(
        (place, "renewal_time", renewal_time) for place in (timing, module("keys.verification"))
    )


def _plan_without_probes(key: Any, context: Any) -> Any:  # noqa: ANN401 - as monitoring's plan
    if not (key.watch.claimed or key.watch.stale):
        key = replace(key, watch=replace(key.watch, probe_at=inf))
    return _monitor(key, context)


CALL_MUTANTS: Final = (
    Mutant(
        "replaces a key all the time",
        4,
        _go_on_at(_replace_soon),
    ),
    Mutant(
        "renews a lease all the time",
        4,
        _go_on_at(_renew_soon),
    ),
    Mutant("looks its leases up all the time", 4, _look_up(lambda now, *_: now + 1.2)),
    Mutant("never looks a lease up", 1, _look_up(lambda *_: inf), (Kind.LEASE_REVOKED,)),
    Mutant(
        "never looks a lease up after its token was revoked",
        1,
        _look_up(lambda *_: inf),
        (Kind.TOKEN_REVOKED,),
    ),
    Mutant(
        "tests a key once",
        1,
        ((monitoring, "plan", _plan_without_probes),),
        (Kind.KEY_DELETED,),
    ),
    Mutant(
        "does not listen to reports",
        1,
        ((monitoring, "on_reported", lambda key, *_: key),),
        (Kind.KEY_DELETED, Kind.LEASE_REVOKED),
    ),
    Mutant(
        "waits long before the end of a short key",
        1,
        ((module("pacing.backoff"), "before_end", _wait_past_the_end_of_the_key),),
        history=History(
            keys=(KeyPlan(ttl=120, overlap=10, check_every=0, probe_every=0),),
            seconds=500.0,
            incidents=(Incident(Kind.VAULT_FAILING, 58.0, 8.0),),
        ),
    ),
    Mutant(
        "hardly waits before it repeats what failed",
        4,
        ((module("pacing.backoff"), "doubling", lambda *_: 0.1),),
        history=History(
            budget=0, seconds=400.0, incidents=(Incident(Kind.UPSTREAM_FAILING, 0.0, 30.0),)
        ),
    ),
    Mutant(
        "asks a closed port all the time",
        4,
        ((module("agent.link"), "URGENT_PING_EVERY", 0.1),),
        (Kind.VAULT_REFUSED,),
    ),
    Mutant(
        "waits until its key has ended",
        1,
        ((module("pacing.backoff"), "before_end", _wait_for_the_end_of_the_key),),
        history=History(
            keys=(KeyPlan(ttl=240, overlap=10, check_every=0, probe_every=0),),
            seconds=500.0,
            incidents=(Incident(Kind.VAULT_FAILING, 118.0, 8.0),),
        ),
    ),
    Mutant(
        "has no budget",
        4,
        ((module("agent.budget"), "MINUTE", 0.0),),
        (Kind.UPSTREAM_FAILING,),
    ),
)
