"""Behaviour 1: a revocation that fails is repeated with its backoff, whatever happens meanwhile."""

from __future__ import annotations

import pytest
from freshkey.core.keys.revocation import pending
from freshkey.core.model.actions import Issue, LookUp, Ping, Revoke
from freshkey.core.model.events import Revoked, RotateRequested
from freshkey.core.model.faults import Fault, FaultKind
from freshkey.core.model.ledger import Source
from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import replace

from tests.core.scripts import (
    AWAY,
    BAD_REQUEST,
    FORBIDDEN,
    FULL_DISK,
    LIMITED,
    Rule,
    desired_state,
    gaps,
    policy,
)
from tests.core.strategies import CALLS
from tests.core.vault import Vault
from tests.core.world import World

QUIET = {"check_every": 0, "probe_every": 0}


def test_files_that_fail_do_not_hurry_a_revocation_that_failed() -> None:
    world = World(policy(**QUIET), rules=(Rule((Revoke,), LIMITED),)).start().run(10)
    world.file_fault = FULL_DISK
    world.send(RotateRequested("billing", compromised=True)).run(100)
    assert world.key().write_failures > 5
    assert 2 <= world.calls["Revoke"] <= 4
    assert min(gaps(world.times(Revoke))) >= 20


def test_a_mint_waits_while_vault_is_asked_about_a_revocation() -> None:
    """Never more than one request of a key is under way: the world checks that."""
    rules = (Rule((Revoke,), BAD_REQUEST), Rule((LookUp,), latency=20))
    world = World(policy(**QUIET), rules=rules).start().run(10)
    world.send(RotateRequested("billing", compromised=True))
    world.run_until(lambda: bool(world.times(LookUp)), 60)
    world.send(RotateRequested("billing")).run(15)
    assert world.key().generation == 2
    world.run(10)
    assert world.key().generation == 3


def test_no_revocation_is_sent_to_a_vault_that_is_away() -> None:
    world = World(policy(check_every=60, probe_every=0, overlap=120)).start().run(10)
    world.send(RotateRequested("billing")).run(10)
    world.rules = (Rule((*CALLS, Ping), AWAY),)
    world.run(600)
    assert world.state.link.away
    assert world.calls["Revoke"] == 0
    world.rules = ()
    world.run(70)
    assert world.calls["Revoke"] == 1


def test_a_check_that_fails_beside_a_doubtful_revocation_waits() -> None:
    world = World(policy(check_every=60, probe_every=0), rules=(Rule((Revoke,), BAD_REQUEST),))
    world.start().run(10)
    world.send(RotateRequested("billing", compromised=True)).run(1)
    assert world.key().retired[0].uncertain
    world.rules = (Rule((Revoke,), BAD_REQUEST), Rule((LookUp,), FORBIDDEN))
    world.run(1800)
    current = world.key().current
    assert current is not None
    lookups = [(at, order) for at, order in world.log if isinstance(order, LookUp)]
    asked = [at for at, order in lookups if order.lease_id == current.lease.id]
    assert 5 <= len(asked) < 100
    assert min(gaps(asked)) >= 1
    assert world.logged("lease.check_failed")


def two_that_fail() -> World:
    world = World(policy(**QUIET), rules=(Rule((Revoke,), LIMITED),)).start().run(10)
    for _ in range(2):
        world.send(RotateRequested("billing", compromised=True)).run(30)
    assert [entry.failures > 0 for entry in world.key().retired] == [True, True]
    return world


def test_each_one_is_told_of_by_its_own_names() -> None:
    world = two_that_fail()
    assert len({entry.revoke_at for entry in world.key().retired}) == 2, "and in its own time"
    told = world.logged("lease.revocation_failed")
    assert len({one["lease_id"] for one in told}) == 2
    for one in told:
        assert one["lease_id"].rpartition("/")[2] == one["api_key_id"].removeprefix("key_")
        assert 20 <= one["retry_in"] <= 40


def test_the_fault_stands_until_the_last_one_is_taken_over() -> None:
    world = two_that_fail()
    first, second = world.key().retired
    for entry, fault in ((first, LIMITED), (second, None)):
        order = Revoke("billing", entry.lease.id, 1, Secret("hvs.2"))
        world.send(Revoked(order))
        assert world.fault() == fault


def test_one_that_failed_is_pending_until_it_is_tried_again() -> None:
    world = World(policy(**QUIET), rules=(Rule((Revoke,), LIMITED),)).start().run(10)
    assert pending(world.key(), world.now) == 0
    world.send(RotateRequested("billing", compromised=True)).run(5)
    assert world.key().retired[0].revoke_at > world.now
    assert pending(world.key(), world.now) == 1


def test_the_latest_fault_is_the_one_that_is_shown() -> None:
    world = World(policy(**QUIET), rules=(Rule((Revoke,), LIMITED),)).start().run(10)
    world.send(RotateRequested("billing", compromised=True)).run(5)
    assert world.fault() == LIMITED
    world.rules = (Rule((Revoke,), FORBIDDEN),)
    world.run(40)
    assert world.fault() == FORBIDDEN


def test_a_lease_that_was_granted_slowly_may_live_as_much_longer() -> None:
    rules = (Rule((Issue,), latency=40, end=1002), Rule((Revoke,), LIMITED))
    world = World(policy(**QUIET), Vault(lease_ttl=600), rules).start().run(50)
    world.send(RotateRequested("billing", compromised=True)).run(580)
    assert world.logged("lease.ended") == []
    world.run(15)
    assert len(world.logged("lease.ended")) == 1


def test_a_read_of_a_kept_key_waits_for_the_revocation_of_a_lease_before() -> None:
    world = World(policy(overlap=60, **QUIET)).start().run(5)
    world.vault.static_keys = {"billing": "sk-kept"}
    kept = replace(desired_state(world.policy), sources={"billing": Source("kv/key", "api_key")})
    world.restart(kept)
    world.run(50)
    assert world.key().generation == 2
    world.rules = (Rule((Revoke,), latency=20),)
    world.run_until(lambda: bool(world.times(Revoke)), 30)
    world.send(RotateRequested("billing")).run(10)
    assert world.calls["Refresh"] == 0
    world.run(15)
    assert world.calls["Refresh"] == 1


@pytest.mark.parametrize("kind", [FaultKind.BAD_REQUEST, FaultKind.NOT_FOUND])
def test_vault_is_asked_whether_a_lease_lives_when_it_knows_nothing_to_revoke(
    kind: FaultKind,
) -> None:
    rules = (Rule((Revoke,), Fault(kind, "it knows nothing")),)
    world = World(policy(**QUIET), rules=rules).start().run(10)
    world.send(RotateRequested("billing", compromised=True)).run(30)
    assert world.calls["LookUp"] >= 1
