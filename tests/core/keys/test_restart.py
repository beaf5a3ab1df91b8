"""Behaviour 5: an agent that starts goes on where its journal ends."""

from __future__ import annotations

import pytest
from freshkey.core.model.actions import Issue, LookUp, Publish, Revoke
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.events import Reported, RotateRequested
from freshkey.core.model.state import Minting
from freshkey.core.model.state import Testing as BeingTested
from freshkey.core.model.verdict import Verdict

from tests.core.scripts import (
    FULL_DISK,
    LIMITED,
    LOST,
    ForcedVerdict,
    Rule,
    policy,
    sources,
)
from tests.core.vault import Vault
from tests.core.world import Crashed, World

QUIET = {"check_every": 0, "probe_every": 0}


def test_the_same_tag_and_no_mint() -> None:
    world = World(policy("a", "b")).start().run(10)
    before = dict(world.file_keys)
    world.file_keys.clear()
    for _ in range(5):
        world.restart()
        assert world.file_keys == before, "served at once"
        world.run(10)
    assert world.calls["Issue"] == 2
    assert world.calls["LogIn"] == 1
    assert len({tag for _, _, tag in world.history}) == 2
    assert len(world.logged("key.published")) == 2, "they are not news"
    assert world.calls["LookUp"] == 10, "whether they live"
    assert all(key.confirmed for key in world.state.keys)


def test_a_key_that_a_kill_kept_from_being_told_of_is_told_of() -> None:
    """The journal has the generation before its files are written."""
    world = World(policy(**QUIET)).start().run(10)
    count = len(world.logged("key.published"))

    def kill_at_the_publish() -> None:
        if world.key().generation == 1:
            world.crashes = frozenset({world.steps + 1})

    world.send(RotateRequested("billing"))
    world.step_hooks.append(kill_at_the_publish)
    with pytest.raises(Crashed):
        world.run(10)
    assert (world.key().generation, world.key().publishing) == (2, True)
    world.step_hooks.clear()
    world.crashes = frozenset()
    world.restart()
    world.run(10)
    assert [at["generation"] for at in world.logged("key.published")[count:]] == [2]
    world.restart()
    world.run(10)
    assert len(world.logged("key.published")) == count + 1


def test_a_journaled_lease_that_is_gone_is_replaced() -> None:
    world = World(policy()).start().run(10)
    world.vault.end_everything()
    world.restart()
    world.run(2)
    assert world.holds()
    assert world.key().generation == 2


def test_a_lease_known_to_be_gone_is_replaced_at_once() -> None:
    world = World(policy(), rules=(Rule((Issue,), LIMITED, start=1050),)).start().run(10)
    world.vault.leases.clear()
    world.run_until(lambda: bool(world.logged("lease.gone")), 73)
    world.rules = ()
    world.restart()
    world.run(1)
    assert world.holds()
    assert world.logged("key.published")[-1]["reason"] == "revoked"


def test_a_key_that_openai_refuses_is_noticed_at_the_start() -> None:
    world = World(policy(check_every=0)).start().run(10)
    world.restart()
    assert world.times(Probe)[-1] == world.now


def test_what_ended_meanwhile_is_replaced() -> None:
    world = World(policy(), Vault(token_ttl=3600)).start().run(10)
    world.now += 24 * 3600
    world.restart()
    world.run(2)
    assert world.holds()
    assert world.key().generation == 2


def test_a_tested_key_goes_on_being_tested() -> None:
    world = World(policy(), forced_verdicts=(ForcedVerdict(Verdict.UNKNOWN),)).start().run(10)
    world.forced_verdicts = ()
    world.restart()
    world.run(1)
    assert world.holds()
    assert world.calls["Issue"] == 1
    assert world.key().generation == 1


def test_a_tested_key_whose_lease_is_half_gone_is_tested_first() -> None:
    world = World(policy(), forced_verdicts=(ForcedVerdict(Verdict.UNKNOWN),)).start().run(10)
    world.forced_verdicts = ()
    world.now += 3000
    world.restart()
    world.run(1)
    assert world.holds()
    assert not world.logged("key.published_untested")


@pytest.mark.parametrize("with_current", [True, False])
def test_a_tested_key_whose_lease_ended_meanwhile(with_current: bool) -> None:
    start = 1005 if with_current else 0
    world = (
        World(policy(), forced_verdicts=(ForcedVerdict(Verdict.UNKNOWN, start=start),))
        .start()
        .run(10)
    )
    if with_current:
        world.send(RotateRequested("billing")).run(5)
    assert isinstance(world.key().cycle, BeingTested)
    world.forced_verdicts = ()
    world.now += 7200
    world.restart()
    world.run(1)
    assert world.holds()
    assert not world.logged("key.published_untested")
    assert world.alive() == 1


def test_pending_revocations_go_on() -> None:
    world = World(policy(**QUIET), rules=(Rule((Revoke,), LIMITED),)).start().run(10)
    world.send(RotateRequested("billing", compromised=True)).run(1)
    assert len(world.key().retired) == 1
    world.rules = ()
    retry_at = world.key().retired[0].revoke_at
    world.restart()
    world.run(40)
    assert world.times(Revoke)[-1] == pytest.approx(retry_at, abs=0.1), "with their backoff"
    assert world.alive() == 1


def test_an_overlap_goes_on() -> None:
    world = World(policy(**QUIET)).start().run(10)
    world.send(RotateRequested("billing")).run(100)
    world.restart()
    world.run(195)
    assert world.calls["Revoke"] == 0
    world.run(10)
    assert world.calls["Revoke"] == 1


def test_a_file_that_was_not_written_is_written() -> None:
    world = World(policy(**QUIET)).start().run(10)
    world.file_fault = FULL_DISK
    world.send(RotateRequested("billing")).run(10)
    world.file_fault = None
    world.restart()
    assert world.tag().startswith("2-")
    world.run(310)
    assert world.alive() == 1


def test_a_withdrawn_key_stays_so_until_its_successor() -> None:
    world = World(policy(max_stale=0), Vault(lease_ttl=60)).start().run(1)
    world.rules = (Rule((Issue,), LIMITED),)
    world.run(100)
    assert not world.file_keys
    world.restart()
    assert world.key().withdrawn
    assert isinstance(world.key().cycle, Minting)
    world.rules = ()
    world.run(60)
    assert world.holds()
    assert world.logged("key.published")[-1]["reason"] == "due"


def test_a_request_during_a_mint_survives_a_kill() -> None:
    world = World(policy(check_every=0, probe_every=60)).start().run(10)
    world.forced_verdicts = (ForcedVerdict(Verdict.REFUSED, start=world.now),)
    world.rules = (Rule((Issue,), latency=20),)
    world.run_until(lambda: isinstance(world.key().cycle, Minting), 100)
    world.send(RotateRequested("billing", compromised=True))
    world.rules = world.forced_verdicts = ()
    world.restart()
    world.run(5)
    assert world.key().generation == 2
    assert world.logged("key.published")[-1]["reason"] == "requested"
    assert world.calls["Revoke"] == 1, "it gets no overlap"


def test_a_reader_gains_no_mints_by_a_restart() -> None:
    forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN, start=1001),)
    world = World(policy(probe_every=0, overlap=1), forced_verdicts=forced_verdicts).start().run(1)
    for _ in range(10):
        world.send(Reported("billing", world.tag())).run(45)
        world.restart()
    assert world.calls["Issue"] == 2


@pytest.mark.parametrize("clock", [-900.0, 5000.0])
def test_after_a_reboot_lifetimes_are_asked_of_vault_anew(clock: float) -> None:
    world = World(policy(), Vault(token_ttl=36_000)).start().run(10)
    world.send(RotateRequested("billing")).run(10)
    before = dict(world.file_keys)
    world.restart(reboot=clock)
    assert world.file_keys == before
    world.run(2)
    assert world.calls["LookUpToken"] == 1
    assert world.calls["LookUp"] >= 1
    assert world.calls["Issue"] == 2
    world.run(300)
    assert world.alive() == 1
    assert world.holds()


def test_a_reboot_without_a_token() -> None:
    world = World(policy(), rules=(Rule((Issue,), LOST, latency=60),)).start()
    world.restart(reboot=-500)
    world.rules = ()
    world.run(5)
    assert world.holds()


def test_probes_and_checks_as_the_configuration_says() -> None:
    world = World(policy(**QUIET)).start().run(10)
    world.restart()
    world.run(100)
    assert world.calls["Test"] == 1
    assert len(world.times(LookUp)) == 1
    assert len(world.times(Publish)) == 3, "at the start, and when the lease was known to live"
    assert sources(world.policy)
