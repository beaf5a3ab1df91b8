"""Behaviour 1: a publish begins anew: nothing of the key before is left to count against it."""

from __future__ import annotations

from freshkey.core.model.actions import Issue, LookUp, Refresh
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.events import Reported, RotateRequested
from freshkey.core.model.verdict import Verdict

from tests.core.scripts import FORBIDDEN, FULL_DISK, ForcedVerdict, Rule, policy
from tests.core.static import static
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


def test_a_kept_key_that_is_read_again_begins_anew() -> None:
    world = static().run(10)
    world.rules = (Rule((Refresh,), FORBIDDEN),)
    world.run(400)
    assert world.key().failures > 0
    world.rules = ()
    world.run(400)
    assert world.key().failures == 0


def test_one_refusal_of_a_kept_key_is_no_reason_to_call_it_refused() -> None:
    world = static(probe_every=60).run(10)
    world.forced_verdicts = (ForcedVerdict(Verdict.REFUSED),)
    world.run_until(lambda: world.key().watch.refusals == 1, 100)
    world.forced_verdicts = ()
    world.send(RotateRequested("billing")).run(0.5)
    assert world.calls["Refresh"] == 1
    assert world.fault() is None
