"""Files that somebody else removed or changed are brought back to what they should be."""

from __future__ import annotations

from freshkey.core.model.actions import Order, Publish, Withdraw
from freshkey.core.model.events import FilesChanged, RotateRequested

from tests.core.scripts import AWAY, FULL_DISK, Rule, policy
from tests.core.strategies import CALLS
from tests.core.world import World


def outputs(world: World) -> list[Order]:
    return [order for _, order in world.log if isinstance(order, Publish | Withdraw)]


def test_the_same_generation_is_written_again() -> None:
    world = World(policy()).start().run(10)
    (first,) = outputs(world)
    world.file_keys.clear()
    world.send(FilesChanged("billing"))
    assert outputs(world) == [first, first]
    assert world.holds()
    assert world.calls["Issue"] == 1
    assert len(world.logged("key.published")) == 1, "it is no news"


def test_a_withdrawn_key_is_removed_again() -> None:
    world = World(policy(), rules=(Rule(CALLS, AWAY, start=1010),)).start().run(10)
    world.send(RotateRequested("billing", compromised=True, now=True))
    world.send(FilesChanged("billing"))
    assert outputs(world)[-2:] == [Withdraw("billing"), Withdraw("billing")]


def test_a_key_that_has_nothing_to_show_shows_nothing() -> None:
    world = World(policy(), rules=(Rule(CALLS, AWAY),)).start().run(10)
    world.send(FilesChanged("billing")).send(FilesChanged("unknown"))
    assert outputs(world) == []


def test_what_can_not_be_written_again_is_tried_with_a_backoff() -> None:
    world = World(policy()).start().run(10)
    world.file_fault = FULL_DISK
    world.send(FilesChanged("billing")).run(60)
    assert 10 < len(outputs(world)) < 100
    assert world.logged("key.file_failed")
    world.file_fault = None
    world.run(5)
    assert len(world.logged("key.files_recovered")) == 1
    assert world.key().trouble is None
