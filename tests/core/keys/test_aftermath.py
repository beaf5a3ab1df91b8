"""What comes after: files that stay, keys that went, answers that were long on their way."""

from __future__ import annotations

from freshkey.core.keys.adoption import adopt
from freshkey.core.model.actions import Issue, LookUp, Withdraw
from freshkey.core.model.events import ClockJumped, RotateRequested
from freshkey.core.model.ledger import Source, to_ledger
from freshkey.core.model.struct import replace

from tests.core.scripts import FORBIDDEN, FULL_DISK, ORIGIN, Rule, policy, sources
from tests.core.scripts import desired_state as matching
from tests.core.vault import Vault
from tests.core.world import World


def running() -> World:
    return World(policy(check_every=0, probe_every=0)).start().run(10)


def test_a_file_that_cannot_be_removed_is_tried_again_and_told_of_ever_less() -> None:
    world = running()
    world.rules = (Rule((Issue,), FORBIDDEN),)
    world.file_fault = FULL_DISK
    world.send(RotateRequested("billing", now=True)).run(60)
    tries = len(world.times(Withdraw))
    assert tries > 8
    assert len(world.logged("key.file_failed")) < tries / 2
    world.file_fault = None
    world.run(10)
    removed = len(world.times(Withdraw))
    world.run(60)
    assert len(world.times(Withdraw)) == removed


def test_a_withdrawn_key_stays_away_over_a_restart() -> None:
    world = running()
    world.rules = (Rule((Issue,), FORBIDDEN),)
    world.send(RotateRequested("billing", now=True)).run(1)
    world.restart()
    assert len(world.times(Withdraw)) == 2
    assert world.key().withdrawn


def test_a_lease_whose_answer_was_long_on_its_way_is_looked_up() -> None:
    """Counted from the request, it may end before Vault's own count does."""
    world = World(policy(check_every=0, probe_every=0), Vault(lease_ttl=100))
    world.rules = (Rule((Issue,), latency=30),)
    world.start().run(32)
    assert len(world.times(LookUp)) == 1


def test_keys_that_wait_for_the_budget_are_told_of_once() -> None:
    world = World(policy("a", "b", "c", budget=2)).start().run(50)
    assert len(world.logged("mint.over_budget")) == 1
    world.run(20)
    assert all(map(world.holds, "abc"))


def test_a_compromised_key_gets_no_overlap_whatever_is_written_meanwhile() -> None:
    world = running()
    world.rules = (Rule((Issue,), latency=5),)
    world.send(RotateRequested("billing", compromised=True)).run(1)
    world.send(ClockJumped()).run(1)
    world.restart()
    world.rules = ()
    world.send(RotateRequested("billing")).run(30)
    assert world.key().generation == 2
    assert world.calls["Revoke"] == 1


def test_a_removed_key_is_revoked_after_its_overlap_and_its_files_go() -> None:
    world = World(policy("a", "b")).start().run(5)
    ledger = to_ledger(world.state, ORIGIN, sources(world.policy))
    entries = tuple(
        replace(entry, source=Source("p", "api_key", overlap=60, files=(f"/{entry.name}",)))
        for entry in ledger.keys
    )
    adopted = adopt(replace(ledger, keys=entries), matching(policy("a")), world.now)
    assert adopted.files == ("/a", "/b"), "who removes them knows what is configured now"
    (removed,) = (key for key in adopted.state.keys if key.removed)
    assert [entry.revoke_at for entry in removed.retired] == [world.now + 60]
