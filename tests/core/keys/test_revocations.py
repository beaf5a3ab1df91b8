"""Behaviour 1: revocations that fail are repeated with their backoff, whatever happens meanwhile."""

from __future__ import annotations

from freshkey.core.model.actions import Revoke
from freshkey.core.model.events import RotateRequested

from tests.core.scripts import FULL_DISK, LIMITED, Rule, gaps, policy
from tests.core.world import World

QUIET = {"check_every": 0, "probe_every": 0}


def test_files_that_fail_do_not_hurry_a_revocation_that_failed() -> None:
    world = World(policy(**QUIET), rules=(Rule((Revoke,), LIMITED),)).start().run(10)
    world.file_fault = FULL_DISK
    world.send(RotateRequested("billing", compromised=True)).run(100)
    assert world.key().write_failures > 5
    assert 2 <= world.calls["Revoke"] <= 4
    assert min(gaps(world.times(Revoke))) >= 20
