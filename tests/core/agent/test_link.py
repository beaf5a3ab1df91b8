"""Behaviour 7: when Vault is asked whether it is back, and what no longer waits when it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from freshkey.core.agent.link import (
    hasten,
    hasten_key,
    on_fault,
    on_ping_failed,
    plan,
)
from freshkey.core.model.actions import Issue, Ping, Publish
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.events import Failed, Pinged
from freshkey.core.model.faults import Fault, Operation, Trouble
from freshkey.core.model.state import BackingOff, Link, Reason
from freshkey.core.model.struct import replace

from tests.core.contexts import context_of
from tests.core.scripts import AWAY, FORBIDDEN, Rule, policy
from tests.core.vault import Vault
from tests.core.world import World

if TYPE_CHECKING:
    from freshkey.core.model.state import KeyState

QUIET = {"check_every": 0, "probe_every": 0}


def running(lease_ttl: float = 3600) -> World:
    return World(policy(**QUIET), Vault(lease_ttl=lease_ttl)).start().run(10)


def troubled(world: World, fault: Fault | None, **watched: Any) -> KeyState:  # noqa: ANN401 - Watch's
    """The key of a world, with a fault that stands, and with what it waits for."""
    trouble = None if fault is None else Trouble(Operation.RENEW_LEASE, fault, world.now)
    key = world.key()
    return replace(key, trouble=trouble, watch=replace(key.watch, **watched))


def backing_off(world: World, wait: float) -> KeyState:
    cycle = BackingOff(Reason.DUE, since=world.now, until=world.now + wait, fault=AWAY)
    return replace(world.key(), cycle=cycle, failures=1)


def asks(world: World, link: Link, now: float) -> bool:
    """Whether Vault is asked at this instant."""
    context = context_of(world, now)
    plan(link, world.state.keys, context)
    return bool(context.actions)


@pytest.mark.parametrize(
    ("until", "failed_at", "failures", "expected"),
    [
        (1100, 999, 1, 1002),
        (1100, 999, 2, 1005),
        (1100, 999, 3, 1011),
        (1100, 900, 1, 1000),
        (1001, 999, 3, 1001),
    ],
)
def test_what_failed_is_repeated_soon_and_what_fails_again_backs_off(
    until: float, failed_at: float, failures: int, expected: float
) -> None:
    context = context_of(running(), 1000)
    assert hasten(until, failed_at, failures, AWAY, context) == expected


def test_what_failed_for_another_reason_waits_as_before() -> None:
    assert hasten(1100, 999, 1, FORBIDDEN, context_of(running(), 1000)) == 1100


def test_a_renewal_and_a_check_that_failed_are_repeated_soon() -> None:
    world = running()
    key = troubled(world, AWAY, renew_at=2000, renew_failures=2, check_at=2000, check_failures=3)
    watch = hasten_key(key, context_of(world)).watch
    assert (watch.renew_at, watch.check_at) == (world.now + 6, world.now + 12)


def test_a_renewal_and_a_check_that_are_due_sooner_stay() -> None:
    world = running()
    soon = world.now + 1
    key = troubled(world, AWAY, renew_at=soon, renew_failures=2, check_at=soon, check_failures=3)
    assert hasten_key(key, context_of(world)) == key


def test_a_check_that_has_not_failed_stays() -> None:
    world = running()
    key = troubled(world, AWAY, renew_at=world.now, check_at=2000)
    assert hasten_key(key, context_of(world)) == key


@pytest.mark.parametrize("fault", [None, FORBIDDEN])
def test_checks_of_a_key_that_no_outage_troubles_stay(fault: Fault | None) -> None:
    world = running()
    key = troubled(world, fault, renew_at=2000, renew_failures=2, check_at=2000, check_failures=3)
    assert hasten_key(key, context_of(world)) == key


def test_a_key_whose_replacement_failed_is_hastened_when_vault_is_back() -> None:
    world = running()
    world.state = replace(world.state, keys=(backing_off(world, 60),), link=Link(away=True))
    world.send(Pinged(Ping()))
    cycle = world.key().cycle
    assert isinstance(cycle, BackingOff)
    assert cycle.until == world.now + 3


def test_a_login_that_failed_is_hastened_when_vault_is_back() -> None:
    world = running()
    trouble = Trouble(Operation.LOG_IN, AWAY, world.now - 1)
    tokens = replace(world.state.tokens, retry_at=world.now + 60, failures=2, trouble=trouble)
    world.state = replace(world.state, tokens=tokens, link=Link(away=True))
    world.send(Pinged(Ping()))
    assert world.state.tokens.retry_at == world.now - 1 + 6


def test_a_token_request_without_a_fault_is_not_put_off_when_vault_is_back() -> None:
    world = running()
    before = world.state.tokens
    world.state = replace(world.state, link=Link(away=True))
    world.send(Pinged(Ping()))
    assert world.state.tokens == before


def test_a_second_failure_of_the_same_outage_is_not_told() -> None:
    world = running()
    first = on_fault(Link(), AWAY, context_of(world))
    context = context_of(world, world.now + 1)
    assert first.failures == 1
    assert on_fault(first, AWAY, context) == first
    assert context.actions == []


def test_the_pauses_between_pings_grow_and_are_drawn() -> None:
    world = running()
    context = [context_of(world, seed=seed) for seed in range(50)]
    link = Link(away=True, failures=9)
    waits = [on_ping_failed(link, AWAY, each).ping_at - world.now for each in context]
    assert min(waits) < 12
    assert 50 < max(waits) <= 60


def test_one_ping_at_a_time() -> None:
    rules = (Rule((Issue, Ping), AWAY, start=1005, latency=30),)
    world = World(policy(**QUIET), rules=rules).start()
    world.run_until(lambda: world.calls["Ping"] == 1, 3600)
    world.run(29)
    assert world.calls["Ping"] == 1
    world.run(5)
    assert world.calls["Ping"] == 2


def test_two_seconds_pass_from_an_answered_ping_to_the_next() -> None:
    """It may answer pings, and fail all else."""
    world = running()
    at = world.now
    link = Link(away=True, ping_at=at + 0.1, failed_at=at, pinged_at=at - 0.5)
    assert not asks(world, link, at + 1.4)
    assert asks(world, link, at + 1.5)


def test_the_last_tenth_of_a_life_begins_where_it_does() -> None:
    """Until then a tenth of what remains may pass, after it two seconds."""
    world = running()
    end = world.lease().expires_at
    link = Link(away=True, ping_at=end, failed_at=end - 370)
    assert not asks(world, link, end - 360.1)
    assert asks(world, link, end - 360)


def test_a_tenth_of_what_remains_is_not_less_than_two_seconds() -> None:
    world = running(lease_ttl=60)
    end = world.lease().expires_at
    link = Link(away=True, ping_at=end, failed_at=end - 10)
    assert not asks(world, link, end - 8.1)
    assert asks(world, link, end - 8)


def test_the_key_that_ends_first_says_when_vault_is_asked() -> None:
    world = World(policy("short", "long", **QUIET)).start().run(10)
    short, long = world.state.keys
    assert long.current is not None
    later = replace(long.current.lease, expires_at=world.now + 36_000)
    long = replace(long, current=replace(long.current, lease=later))
    world.state = replace(world.state, keys=(short, long))
    end = world.lease("short").expires_at
    link = Link(away=True, ping_at=end, failed_at=end - 1000)
    assert not asks(world, link, end - 900.1)
    assert asks(world, link, end - 900)


def test_where_no_key_is_left_vault_is_asked_when_the_backoff_says() -> None:
    """Only leases of keys that are not configured any more wait for it."""
    world = running()
    world.policy = policy("other")
    link = Link(away=True, ping_at=world.now + 50, failed_at=world.now)
    assert not asks(world, link, world.now + 49)
    assert asks(world, link, world.now + 50)


def test_what_fails_elsewhere_says_nothing_of_vault() -> None:
    """Neither OpenAI nor a file is Vault, whatever their fault is called."""
    world = running()
    elsewhere = [order for _, order in world.log if isinstance(order, Probe | Publish)]
    assert {type(order) for order in elsewhere} == {Probe, Publish}
    for order in elsewhere:
        world.send(Failed(order, AWAY))
        assert not world.state.link.away
