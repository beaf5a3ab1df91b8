"""Long times in seconds: a year, five hours without Vault, a machine that sleeps."""

from __future__ import annotations

import pytest
from freshkey.core.model.actions import Issue, Ping
from freshkey.core.model.events import Woke
from freshkey.core.model.verdict import Verdict

from tests.core.scripts import AWAY, ForcedVerdict, Rule, policy
from tests.core.strategies import CALLS
from tests.core.vault import Vault
from tests.core.world import World

pytestmark = pytest.mark.no_cover  # the tables cover the core; tracing takes thrice the time

HOUR = 3600.0
DAY = 24 * HOUR
NAP = 30.0  # the loop's


def test_a_year_of_rotations() -> None:
    vault = Vault(token_ttl=DAY, token_max=30 * DAY)
    world = World(policy(check_every=0, probe_every=0), vault).start().run(1)
    for _ in range(365):
        world.run(DAY)
        assert world.holds()
        assert world.alive() <= 2
    assert 365 * DAY / (0.67 * HOUR) < len(world.mints) < 365 * DAY / (0.5 * HOUR)
    assert world.calls["Revoke"] == pytest.approx(len(world.mints), abs=2)
    assert world.max_live_leases <= 3, "three, when the token changes within an overlap"
    assert world.calls["LogIn"] == pytest.approx(365 / 30, abs=2)
    assert not world.logged("key.stale")
    assert not world.logged("key.replacement_failed")
    assert len(vault.leases) <= 2, "neither the world nor the agent grows:"
    assert len(world.state.mints) <= 6


def test_an_outage_of_five_hours() -> None:
    """OpenAI accepts the keys meanwhile, because nobody can tell it of their end."""
    names = tuple(f"key-{number}" for number in range(3))
    start, end = 1000 + HOUR, 1000 + 6 * HOUR
    rules = (Rule((*CALLS, Ping), AWAY, start, end),)
    forced_verdicts = (ForcedVerdict(Verdict.GOOD, start, end),)
    vault = Vault(token_ttl=DAY)
    world = World(policy(*names, check_every=60, probe_every=300), vault, rules, forced_verdicts)
    world.start().run(HOUR)
    mints = len(world.mints)
    world.run(5 * HOUR)
    assert set(world.file_keys) == set(names), "the last keys stay"
    assert len(world.mints) == mints
    during = [at for at in world.times(*CALLS) if at >= start]
    assert len(during) <= 2 * len(names), "all but pings are held back"
    world.run(5)
    assert all(map(world.holds, names)), "within 5 s, and within the budget"
    world.run(HOUR)
    assert all(map(world.holds, names))
    assert len(world.logged("vault.away")) == len(world.logged("vault.back")) == 1


@pytest.mark.parametrize("asleep", [600.0, HOUR, 8 * HOUR, 40 * DAY])
def test_a_machine_that_sleeps(asleep: float) -> None:
    """Trio's clock stops, the lease clock goes on: the loop looks at it after a nap at the most."""
    vault = Vault(token_ttl=DAY, token_max=30 * DAY)
    world = World(policy("a", "b"), vault).start().run(100)
    for _ in range(10):
        world.now += asleep
        world.send(Woke()).run(NAP)
        assert world.holds("a")
        assert world.holds("b")
        assert world.alive() <= 4
        world.run(HOUR)
    assert len(world.times(Issue)) <= 2 * (1 + 10 * 4)
