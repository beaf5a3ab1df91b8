"""Behaviour 2, a secret without a lease: read again every `refresh`, a change is published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.core.keys.lifecycle import leases
from freshkey.core.model.actions import Issue, Ping, Refresh
from freshkey.core.model.events import (
    ClockJumped,
    Issued,
    Refreshed,
    RotateRequested,
    StopRequested,
)
from freshkey.core.model.grants import Grant
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import Refreshing
from freshkey.core.model.struct import replace
from freshkey.core.model.view import KeyStatus

from tests.core.scripts import (
    AWAY,
    ORIGIN,
    Rule,
    desired_state,
    gaps,
    policy,
)
from tests.core.static import REFRESH, static

if TYPE_CHECKING:
    from tests.core.world import World


TEN = tuple(f"key-{number}" for number in range(10))


def audited(world: World) -> list[str]:
    return [record.event for _, record in world.records if record.audit]


def test_it_is_read_every_refresh_and_published_once() -> None:
    world = static().run(24 * 3600)
    reads = [*world.times(Issue), *world.times(Refresh)]
    assert all(0.9 * REFRESH <= gap <= REFRESH + 1 for gap in gaps(reads))
    assert world.calls["Issue"] == 1, "what the path gives is known from then on"
    assert world.calls["LookUp"] == world.calls["Renew"] == world.calls["Revoke"] == 0
    assert world.key().generation == 1
    assert world.calls["LogIn"] == 1
    assert not world.mints


def test_readers_see_no_end() -> None:
    world = static().run(7200)
    shown = world.view()
    assert shown.status is KeyStatus.FRESH
    assert shown.publication is not None
    assert (shown.publication.expires_at, shown.publication.api_key_id) == (None, None)
    assert leases(world.key()) == 0
    (published,) = world.logged("key.published")
    assert published["lease_id"] is published["expires_in"] is published["expires_at"] is None


def test_a_changed_value_is_a_new_generation() -> None:
    world = static().run(10)
    world.vault.static_keys["billing"] = "sk-2"
    world.run(REFRESH + 1)
    assert world.file_keys["billing"] == "sk-2"
    assert world.key().generation == 2
    assert world.logged("key.published")[-1]["reason"] == "due"
    assert not world.key().retired
    world.run(7200)
    assert world.key().generation == 2


def test_a_read_without_news_keeps_the_tag_and_brings_the_files_back() -> None:
    world = static().run(10)
    names = world.lease().names
    assert names.tag == world.tag()
    world.file_keys.clear()
    world.run(REFRESH)
    assert world.holds()
    assert world.key().generation == 1
    assert world.lease().names == names


def test_what_is_on_record() -> None:
    world = static().run(3600)
    world.vault.static_keys["billing"] = "sk-2"
    world.run(REFRESH)
    once = ["key.fetched", "key.tested", "key.published"]
    assert audited(world) == ["key.mint_intended", *once, *once], "a read without news is none"
    assert {record["lease_id"] for record in world.logged("key.fetched")} == {None}
    assert [record["tag"][:2] for record in world.logged("key.fetched")] == ["1-", "2-"]


def test_a_read_comes_to_no_mint() -> None:
    """Ten keys of KV start at once, and leave the whole budget to those that are minted."""
    minted = ("a", "b")
    world = static(*TEN)
    world.policy = policy(*TEN, *minted, budget=2, probe_every=0)
    world.start().run(2)
    assert len(world.file_keys) == 12
    assert len(world.mints) == 2
    world.restart()
    for _ in range(20):
        for name in TEN:
            world.send(RotateRequested(name))
        world.run(2)
    assert world.calls["Refresh"] >= 100
    assert len(world.mints) == 2


def test_reads_are_a_second_apart() -> None:
    world = static().run(10)
    for _ in range(100):
        world.send(RotateRequested("billing")).run(0.1)
    assert world.calls["Refresh"] <= 11
    assert min(gaps(world.times(Refresh))) >= 0.99


def test_a_token_is_nothing_to_it() -> None:
    """Tokens of 15 s come and go; the key is read when it is due."""
    world = static()
    world.vault.token_ttl, world.vault.token_max = 15, 30
    world.start().run(3600)
    assert world.calls["LogIn"] > 100
    assert world.calls["Issue"] + world.calls["Refresh"] <= 2 + 3600 / (0.9 * REFRESH)
    assert world.key().generation == 1
    world.vault.end_everything()
    world.run(REFRESH)
    assert world.view().status is KeyStatus.FRESH
    assert world.key().trouble is None


def test_a_token_that_is_lost_is_replaced_and_the_read_repeated() -> None:
    world = static().run(10)
    world.vault.end_everything()
    world.run(REFRESH)
    assert world.calls["LogIn"] == 2
    assert world.calls["Refresh"] == 2
    assert world.key().trouble is None


def test_a_rotation_is_a_read() -> None:
    world = static().run(10)
    world.send(RotateRequested("billing", compromised=True)).run(2)
    assert world.key().generation == 1, "Vault has no other"
    world.vault.static_keys["billing"] = "sk-2"
    world.send(RotateRequested("billing", compromised=True)).run(2)
    assert world.file_keys["billing"] == "sk-2"
    assert world.logged("key.published")[-1]["reason"] == "requested"


def test_a_restart_goes_on_until_refresh_is_due() -> None:
    world = static().run(10)
    for _ in range(20):
        world.restart()
        world.run(10)
    assert world.calls["Issue"] == 1
    assert world.calls["Refresh"] == 0
    assert all(key.confirmed for key in world.state.keys)
    world.run(100)
    assert world.calls["Refresh"] == 1
    assert (world.key().generation, world.calls["LogIn"]) == (1, 1)


def test_a_restart_during_a_read_leaves_nothing() -> None:
    world = static(rules=(Rule((Refresh,), latency=5),)).run(10)
    world.send(RotateRequested("billing")).run(1)
    assert isinstance(world.key().cycle, Refreshing)
    adopted = world.restart()
    assert not adopted.records
    world.run(10)
    assert world.calls["Refresh"] == 2, "it was asked for"
    assert world.state.tokens.count == 1


def test_a_reboot() -> None:
    world = static().run(10)
    world.restart(reboot=-900.0)
    world.run(REFRESH)
    assert world.calls["LookUp"] == 0
    assert world.key().generation == 1


def test_a_jump_of_the_clock() -> None:
    world = static().run(10)
    world.send(ClockJumped()).run(10)
    assert world.calls["LookUp"] == world.calls["Refresh"] == 0


@pytest.mark.parametrize("revoke", [False, True])
def test_a_stop_waits_for_no_read(revoke: bool) -> None:
    world = static(rules=(Rule((Refresh,), latency=9),), revoke_on_stop=revoke).run(10)
    world.send(RotateRequested("billing")).run(1)
    world.send(StopRequested()).run(0.1)
    assert world.finished
    assert world.calls["Revoke"] == 0
    assert bool(world.file_keys) is not revoke
    assert len(world.vault.tokens) == (0 if revoke else 1)


def test_a_removed_key_has_nothing_to_revoke() -> None:
    world = static("kept", "removed").run(10)
    world.restart(desired_state(policy("kept")))
    world.run(1)
    assert [key.name for key in world.state.keys] == ["kept"]


def test_another_address_leaves_nothing_behind() -> None:
    world = static().run(10)
    origin = replace(ORIGIN, address="https://other")
    adopted = world.restart(replace(desired_state(world.policy), origin=origin))
    assert not adopted.records


def test_an_outage_makes_no_ping_urgent() -> None:
    world = static(rules=(Rule((Refresh, Ping), AWAY, start=1010),)).run(10)
    world.send(RotateRequested("billing")).run(600)
    assert 5 < world.calls["Ping"] < 60


def test_answers_that_nobody_waits_for() -> None:
    world = static().run(10)
    order = Refresh("billing", 1, Secret("hvs.1"))
    grant = Grant("", float("inf"), renewable=False, secret=Secret("sk-9"), asked_at=world.now)
    world.send(Refreshed(order, grant)).send(Issued(Issue("billing", 1, Secret("hvs.1")), grant))
    assert world.file_keys["billing"] == "sk-billing-1"
