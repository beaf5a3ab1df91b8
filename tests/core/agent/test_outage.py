"""Behaviour 7: Vault is away, or says not now."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.actions import (
    Issue,
    LogIn,
    LookUp,
    LookUpToken,
    Order,
    Ping,
    Renew,
    RenewToken,
    Revoke,
    RevokeToken,
)
from freshkey.core.model.events import RotateRequested
from freshkey.core.model.state import BackingOff, Link
from freshkey.core.model.verdict import Verdict
from freshkey.core.model.view import KeyStatus

from tests.core.scripts import (
    AWAY,
    FORBIDDEN,
    LIMITED,
    SEALED,
    THROTTLED,
    ForcedVerdict,
    Rule,
    gaps,
    policy,
)
from tests.core.vault import Vault
from tests.core.world import World

if TYPE_CHECKING:
    from freshkey.core.model.faults import Fault

CALLS: tuple[type[Order], ...] = (
    *(Issue, Renew, LookUp, Revoke),
    *(LogIn, RenewToken, LookUpToken, RevokeToken),
)
QUIET = {"check_every": 0, "probe_every": 0}
TEN = tuple(f"key-{number}" for number in range(10))


def outage(start: float, end: float, fault: Fault = AWAY) -> Rule:
    return Rule((*CALLS, Ping), fault, 1000 + start, 1000 + end)


@pytest.mark.parametrize("fault", [AWAY, SEALED])
def test_one_cheap_request_at_a_time_asks_for_all(fault: Fault) -> None:
    world = World(policy(*TEN, budget=0), rules=(outage(10, 1000, fault),)).start().run(990)
    during = [order for at, order in world.log if at >= 1010]
    calls = [order for order in during if isinstance(order, CALLS)]
    assert len(calls) <= 2, "what finds out; all else is held back"
    pings = world.times(Ping)
    assert max(gaps(pings)) <= 60.1
    assert len(pings) < 80
    assert world.state.link.fault == fault
    world.run(100)
    assert world.state.link == Link(pinged_at=world.state.link.pinged_at)
    assert world.logged("vault.away")
    assert world.logged("vault.back")
    assert all(world.fault(name) is None for name in TEN)
    assert len(world.mints) == 10, "no lease was near its end"


def test_one_that_answers_pings_alone_is_not_asked_all_the_time() -> None:
    rules = (Rule(CALLS, AWAY, 1010, 3000),)
    world = World(policy(*TEN, budget=0), Vault(lease_ttl=600), rules=rules).start().run(1990)
    pings = world.times(Ping)
    assert len(pings) > 50
    assert min(gaps(pings)) >= 2
    assert len(world.times(*CALLS)) < 20 * len(pings), "each opens the way for all that waits"


@pytest.mark.parametrize("away", range(100, 260, 10))
def test_a_return_is_found_within_a_tenth_of_what_remains(away: float) -> None:
    """A wait of a minute would take half of what a short lease has left."""
    world = World(policy(), Vault(lease_ttl=300), rules=(outage(10, away),))
    world.start().run(away - 1)
    remaining = world.lease().expires_at - (1000 + away)
    assert world.state.link.away
    world.run_until(lambda: bool(world.logged("vault.back")), 300)
    assert world.now - (1000 + away) <= max(2.0, remaining / 10) + 1.0


@pytest.mark.parametrize("away", [3700, 5000, 20_000])
def test_the_last_key_stays_and_a_return_is_found_within_5_s(away: float) -> None:
    world = World(
        policy(), rules=(outage(10, away),), forced_verdicts=(ForcedVerdict(Verdict.GOOD),)
    )
    world.start().run(3700)
    assert world.view().status is KeyStatus.STALE
    assert world.file_keys, "the last key stays: OpenAI is not known to refuse it"
    world.run(away - 3700)
    world.forced_verdicts = ()
    world.run(5)
    assert world.holds()
    assert world.view().status is KeyStatus.FRESH


def test_a_missing_key_is_urgent_too() -> None:
    world = World(policy(), rules=(outage(-1000, 4000),)).start().run(4005)
    assert world.holds()


def test_the_last_tenth_of_a_life_is_urgent() -> None:
    world = World(policy(**QUIET), rules=(outage(10, 9000),)).start().run(3500)
    pings = [at for at in world.times(Ping) if at < world.lease().expires_at - 360]
    urgent = [at for at in world.times(Ping) if at > world.lease().expires_at - 360 + 60]
    assert max(gaps(urgent)) < 2.1
    assert max(gaps(pings)) > 20


def test_vault_away_at_the_restart() -> None:
    world = World(policy()).start().run(10)
    tag = world.history[-1][2]
    world.rules = (outage(0, 600),)
    world.restart()
    assert world.history[-1][2] == tag, "served at once"
    world.run(700)
    assert world.calls["Issue"] == world.calls["LogIn"] == 1
    assert world.state.keys[0].confirmed


def test_calls_that_fail_although_pings_are_answered_back_off() -> None:
    """Only the mint's path is away; each failure looks like an outage, and each ping ends it."""
    world = World(policy(**QUIET), rules=(Rule((Issue,), AWAY),)).start().run(600)
    assert world.calls["Issue"] <= 30
    assert max(gaps(world.times(Issue))) <= 61


def test_an_upstream_limit_makes_a_good_key_wait() -> None:
    waits = []
    for seed in range(30):
        rule = Rule((Issue,), LIMITED, start=1010)
        world = World(policy(**QUIET), rules=(rule,), seed=seed).start().run(10)
        world.send(RotateRequested("billing")).run(1)
        cycle = world.key().cycle
        assert isinstance(cycle, BackingOff)
        waits.append(cycle.until - cycle.since)
    assert min(waits) >= 60
    assert max(waits) <= 900
    assert max(waits) - min(waits) > 400, "drawn"


def test_an_upstream_limit_makes_a_stale_key_wait_less() -> None:
    rule = Rule((Issue,), LIMITED, start=1010)
    world = World(policy(**QUIET), Vault(lease_ttl=60), rules=(rule,))
    world.forced_verdicts = (ForcedVerdict(Verdict.GOOD),)
    world.start().run(7200)
    stale = [at for at in world.times(Issue) if at > world.lease().expires_at + 60]
    waits = gaps(stale)
    assert 20 <= min(waits) < 100, "drawn, so that many agents don't come back together"
    assert 500 < max(waits) <= 601


def test_agents_that_met_an_upstream_limit_together_do_not_come_back_together() -> None:
    rule = Rule((Issue,), LIMITED)
    fleet = [World(policy(**QUIET), rules=(rule,), seed=seed).start() for seed in range(40)]
    minutes = Counter(int(at // 60) for world in fleet for at in world.run(4 * 3600).times(Issue))
    late = [minutes[minute] for minute in range(100, 240)]  # when all wait as long as they will
    assert max(late) < 20
    assert late.count(0) < 10


def test_a_key_that_goes_stale_does_not_wait_as_a_good_one() -> None:
    """It would have waited for a quarter of what remained; the lease turns out to be shorter."""
    rule = Rule((Issue,), LIMITED, start=1010, end=1100)
    vault = Vault(lease_ttl=360_000)
    world = World(policy(probe_every=0), vault, rules=(rule,), seed=3).start().run(20)
    world.send(RotateRequested("billing")).run(100)
    for lease in vault.leases.values():
        lease.expires_at = world.now + 100
    world.run(200)
    assert world.holds()


def test_throttled_by_vault() -> None:
    world = World(policy(**QUIET), rules=(Rule((Issue,), THROTTLED, end=1300),)).start().run(290)
    assert min(gaps(world.times(Issue))) >= 20
    assert not world.state.link.away
    assert not world.mints


def test_a_return_shortens_only_the_waits_that_the_outage_made() -> None:
    rules = (
        Rule((Issue,), FORBIDDEN, names=("a",)),
        Rule((Issue,), AWAY, start=1100, end=1101, names=("b",)),
    )
    world = World(policy("a", "b", **QUIET), rules=rules).start().run(100)
    waiting = world.key("a").cycle
    world.send(RotateRequested("b")).run(3)
    assert world.logged("vault.back")
    assert isinstance(waiting, BackingOff)
    assert world.key("a").cycle == waiting or world.now > waiting.until
    world.run(10)
    assert world.key("b").generation == 2
