"""Behaviour 9: suspended machines, paused ones, and clocks that jump."""

from __future__ import annotations

import pytest
from freshkey.core.model.actions import LookUp, LookUpToken, Publish
from freshkey.core.model.events import ClockJumped, Woke
from freshkey.core.model.policy import VerifyMode
from freshkey.core.model.verdict import Verdict
from freshkey.core.model.view import KeyStatus

from tests.core.scripts import ForcedVerdict, policy
from tests.core.vault import Vault
from tests.core.world import World

QUIET = {"check_every": 0, "probe_every": 0}


def test_a_suspended_machine_wakes_up_to_a_fresh_key() -> None:
    world = World(policy()).start().run(100)
    world.now += 8 * 3600
    world.send(Woke()).run(2)
    assert world.holds()
    assert world.key().generation == 2


def test_a_suspended_machine_whose_token_ended_too() -> None:
    world = World(policy("a", "b"), Vault(token_ttl=3600)).start().run(100)
    world.now += 8 * 3600
    world.send(Woke()).run(2)
    assert world.holds("a")
    assert world.holds("b")
    assert world.calls["LogIn"] == 2


def test_a_machine_that_is_suspended_while_a_key_is_tested() -> None:
    """The key has ended untested, and nothing says that the next one would be refused, too."""
    verdicts = (ForcedVerdict(Verdict.REFUSED, end=1003),)
    world = World(policy(verify=VerifyMode.REQUIRE), Vault(lease_ttl=120), forced_verdicts=verdicts)
    world.start().run(2)
    assert not world.file_keys
    world.now += 1000
    world.send(Woke()).run(5)
    assert world.holds()
    assert world.fault() is None


def test_a_suspended_machine_serves_no_key_past_max_stale() -> None:
    world = World(policy(max_stale=60)).start().run(100)
    world.now += 8 * 3600
    world.send(Woke())
    assert not world.file_keys
    assert world.view().status is KeyStatus.WITHDRAWN


def test_a_jump_of_the_clock_has_everything_looked_up() -> None:
    world = World(policy("a", "b", **QUIET), Vault(token_ttl=36_000)).start().run(100)
    world.send(ClockJumped()).run(1)
    assert len(world.times(LookUp)) == 2
    assert len(world.times(LookUpToken)) == 1
    written = {o.name for at, o in world.log if isinstance(o, Publish) and at >= 1100}
    assert written == {"a", "b"}, "the files name the end by the wall clock"
    world.run(100)
    assert world.calls["LookUp"] == 2, "once"


def test_a_paused_machine_learns_what_it_missed() -> None:
    """The lease clock stood still; Vault's went on for an hour and a half."""
    world = World(policy("a", "b", **QUIET), Vault(token_ttl=36_000)).start().run(100)
    world.skew += 5400
    world.send(ClockJumped()).run(5)
    assert world.holds("a")
    assert world.holds("b")
    token = world.state.tokens.current
    assert token is not None
    assert token.expires_at == pytest.approx(1000 + 36_000 - 5400, abs=1)


def test_a_short_pause_only_corrects_the_ends() -> None:
    world = World(policy(**QUIET), Vault(token_ttl=36_000)).start().run(100)
    current = world.key().current
    assert current is not None
    world.skew += 900
    world.send(ClockJumped()).run(5)
    corrected = world.key().current
    assert corrected is not None
    assert corrected.lease.expires_at == pytest.approx(current.lease.expires_at - 900, abs=2)
    assert corrected.lease.id == current.lease.id
    while world.key().generation == 1:
        world.run(10)
        assert world.holds()


def test_a_jump_without_a_key_asks_for_the_token_only() -> None:
    world = World(policy()).start()
    world.send(ClockJumped()).run(5)
    assert world.calls["LookUp"] == 0
    assert world.holds()


def test_a_jump_of_the_clock_is_told() -> None:
    world = World(policy()).start().run(10).send(ClockJumped())
    assert world.logged("clock.jumped") == [{}]
