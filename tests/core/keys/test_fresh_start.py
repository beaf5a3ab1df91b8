"""Behaviour 1: a publish begins anew: nothing of the key before is left to count against it."""

from __future__ import annotations

from freshkey.core.model.actions import Issue, LookUp
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.events import Reported, RotateRequested

from tests.core.scripts import FORBIDDEN, FULL_DISK, Rule, policy
from tests.core.world import World

QUIET = {"check_every": 0, "probe_every": 0}


def test_failures_are_forgotten() -> None:
    world = World(policy(**QUIET), rules=(Rule((Issue,), FORBIDDEN, end=1300),)).start().run(299)
    assert world.key().failures > 2
    world.run(600)
    assert world.holds()
    assert world.key().failures == 0


def test_a_new_lease_needs_no_word_of_vault_after_a_restart() -> None:
    world = World(policy(**QUIET)).start().run(10)
    world.rules = (Rule((LookUp,), FORBIDDEN),)
    world.restart()
    world.run(5)
    assert not world.key().confirmed
    world.send(RotateRequested("billing")).run(60)
    assert world.key().generation == 2
    assert world.key().confirmed


def test_a_report_of_the_next_key_is_tested_no_sooner_than_five_seconds_after_the_last_one() -> (
    None
):
    world = World(policy(**QUIET)).start().run(100)
    world.send(Reported("billing", world.history[-1][2])).run(1)
    began = world.times(Probe)[-1]
    world.send(RotateRequested("billing")).run(1)
    assert world.key().generation == 2
    count = len(world.times(Probe))
    world.send(Reported("billing", world.history[-1][2])).run(10)
    assert world.times(Probe)[count:] == [began + 5]


def test_files_that_can_be_written_again_begin_anew() -> None:
    world = World(policy(**QUIET)).start().run(10)
    world.file_fault = FULL_DISK
    world.send(RotateRequested("billing")).run(60)
    assert world.key().write_failures > 5
    world.file_fault = None
    world.run(10)
    assert world.key().write_failures == 0
    world.send(RotateRequested("billing")).run(10)
    assert len(world.logged("key.files_recovered")) == 1
