"""Behaviours 4, 7, and 10: what is left of a key that was withdrawn, and what is not."""

from __future__ import annotations

from freshkey.core.model.actions import Issue, Publish, Withdraw
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.events import Reported, RotateRequested
from freshkey.core.model.events import Tested as Verdicted
from freshkey.core.model.verdict import Finding, Verdict
from freshkey.core.model.view import KeyStatus

from tests.core.scripts import AWAY, FORBIDDEN, FULL_DISK, ForcedVerdict, Rule, policy
from tests.core.vault import Vault
from tests.core.world import World

QUIET = {"check_every": 0, "probe_every": 0}
NOW = RotateRequested("billing", now=True)


def test_a_key_that_is_withdrawn_as_it_is_published_was_never_out() -> None:
    world = World(policy(**QUIET), rules=(Rule((Probe,), latency=5),)).start().run(1)
    (order,) = [order for _, order in world.log if isinstance(order, Probe)]
    world.rules = (Rule((Issue,), FORBIDDEN),)
    world.send(Verdicted(order, Finding(Verdict.GOOD, "simulated")), NOW)
    assert world.times(Publish) == []
    assert not world.key().publishing
    assert world.view().status is KeyStatus.WITHDRAWN


def test_its_files_are_removed_by_one_order() -> None:
    world = World(policy(**QUIET)).start().run(10)
    world.rules = (Rule((Issue,), FORBIDDEN),)
    world.file_fault = FULL_DISK
    world.send(RotateRequested("billing")).run(1)
    world.rules = ()
    world.run(60)
    assert world.key().write_failures > 5
    world.rules = (Rule((Issue,), FORBIDDEN),)
    world.file_fault = None
    world.send(NOW).run(60)
    assert len(world.times(Withdraw)) == 1


def test_files_that_can_not_be_removed_are_told_of_at_once() -> None:
    world = World(policy(**QUIET)).start().run(10)
    world.file_fault = FULL_DISK
    world.send(RotateRequested("billing"))
    world.run_until(lambda: world.key().write_failures == 5, 60)
    told = len(world.logged("key.file_failed"))
    assert told == 3, "the 1st, 2nd, 4th"
    world.rules = (Rule((Issue,), FORBIDDEN),)
    world.send(NOW)
    assert len(world.logged("key.file_failed")) == told + 1
    assert world.key().write_failures == 1


def test_it_is_not_stale_any_more() -> None:
    world = World(policy(max_stale=60, **QUIET), Vault(lease_ttl=600)).start().run(10)
    world.rules = (Rule((Issue,), AWAY),)
    world.forced_verdicts = (ForcedVerdict(Verdict.GOOD),)
    world.run(620)
    assert world.key().watch.stale
    world.run(60)
    assert world.key().withdrawn
    assert not world.key().watch.stale


def test_a_reader_gains_neither_tests_nor_mints_by_it() -> None:
    world = World(policy(**QUIET)).start().run(100)
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    world.send(Reported("billing", world.history[-1][2])).run(60)
    assert world.key().generation == 2
    world.forced_verdicts = ()
    world.send(NOW).run(5)
    assert world.key().generation == 3
    world.send(Reported("billing", world.history[-1][2])).run(1)
    tested = world.times(Probe)[-1]
    world.send(NOW).run(1)
    count = len(world.times(Probe))
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    world.send(Reported("billing", world.history[-1][2])).run(60)
    assert world.times(Probe)[count] == tested + 5
    assert world.key().generation == 4, "one in ten minutes"
