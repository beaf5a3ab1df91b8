"""Behaviour 2, a secret without a lease: read again every `refresh`, a change is published."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.core.actions import Issue, Ping, Refresh
from freshkey.core.actions import Test as Probe
from freshkey.core.events import (
    ClockJumped,
    Issued,
    Refreshed,
    Reported,
    RotateRequested,
    StopRequested,
)
from freshkey.core.faults import FaultKind
from freshkey.core.key import leases
from freshkey.core.lease import Grant
from freshkey.core.ledger import Source
from freshkey.core.policy import VerifyMode
from freshkey.core.secret import Secret
from freshkey.core.state import BackingOff, Refreshing
from freshkey.core.state import Testing as OnTrial
from freshkey.core.verdict import Verdict
from freshkey.core.view import KeyStatus

from tests.core.scripts import (
    AWAY,
    FORBIDDEN,
    LIMITED,
    LOST,
    ORIGIN,
    Rule,
    Saying,
    gaps,
    policy,
    wish,
)
from tests.core.vault import Vault
from tests.core.world import World

if TYPE_CHECKING:
    from freshkey.core.adoption import Wish

REFRESH = 300.0
TEN = tuple(f"key-{number}" for number in range(10))


def static(*names: str, rules: tuple[Rule, ...] = (), **options: Any) -> World:  # noqa: ANN401 - KeyPolicy's
    """A world in which Vault keeps a key for each name."""
    kept = {name: f"sk-{name}-1" for name in names or ("billing",)}
    options = {"probe_every": 0, **options}
    return World(policy(*kept, **options), Vault(kept=kept, token_ttl=3600), rules).start()


def tag(world: World, name: str = "billing") -> str:
    return next(tag for _, named, tag in reversed(world.history) if named == name)


def moved(world: World, path: str = "openai/creds/billing-2") -> Wish:
    """The configuration with another path for the key."""
    return replace(wish(world.policy), sources={"billing": Source(path, "api_key")})


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
    (published,) = world.told("key.published")
    assert published["lease_id"] is published["expires_in"] is published["expires_at"] is None


def test_a_changed_value_is_a_new_generation() -> None:
    world = static().run(10)
    world.vault.kept["billing"] = "sk-2"
    world.run(REFRESH + 1)
    assert world.published["billing"] == "sk-2"
    assert world.key().generation == 2
    assert world.told("key.published")[-1]["reason"] == "due"
    assert not world.key().retired
    world.run(7200)
    assert world.key().generation == 2


def test_what_is_on_record() -> None:
    world = static().run(3600)
    world.vault.kept["billing"] = "sk-2"
    world.run(REFRESH)
    once = ["key.fetched", "key.tested", "key.published"]
    assert audited(world) == ["key.mint_intended", *once, *once], "a read without news is none"
    assert {told["lease_id"] for told in world.told("key.fetched")} == {None}
    assert [told["tag"][:2] for told in world.told("key.fetched")] == ["1-", "2-"]


def test_a_read_comes_to_no_mint() -> None:
    """Ten keys of KV start at once, and leave the whole budget to those that are minted."""
    minted = ("a", "b")
    world = static(*TEN)
    world.policy = policy(*TEN, *minted, budget=2, probe_every=0)
    world.start().run(2)
    assert len(world.published) == 12
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


@pytest.mark.parametrize("fault", [AWAY, LOST, FORBIDDEN])
def test_the_key_stays_while_it_can_not_be_read(fault: Any) -> None:  # noqa: ANN401 - a Fault
    world = static(rules=(Rule((Refresh,), fault, start=1010),)).run(7200)
    assert world.holds()
    assert world.view().status is KeyStatus.FRESH
    assert world.fault() == fault
    assert world.state.tokens.count == 1, "a read without an answer leaves no lease: no new token"
    assert not world.told("mint.abandoned")
    assert 20 < world.calls["Refresh"] < 400
    world.rules = ()
    world.run(REFRESH)
    assert world.key().trouble is None


def test_a_deleted_key_stays_while_openai_takes_it() -> None:
    world = static().run(10)
    world.vault.deleted = True
    world.run(3600)
    assert world.holds()
    fault = world.fault()
    assert fault is not None
    assert fault.kind is FaultKind.NOT_FOUND
    world.vault.deleted = False
    world.run(REFRESH)
    assert world.key().trouble is None
    assert world.key().generation == 1


def test_a_deleted_key_that_openai_refuses_is_withdrawn_and_comes_back() -> None:
    world = static().run(10)
    world.vault.deleted = True
    world.vault.refused.add("sk-billing-1")
    world.run(REFRESH + 3)
    tests = world.times(Probe)[-2:]
    assert tests[1] - tests[0] >= 1
    assert world.view().status is KeyStatus.WITHDRAWN
    assert not world.published
    world.vault.deleted, world.vault.kept["billing"] = False, "sk-2"
    world.run(REFRESH)
    assert world.published["billing"] == "sk-2"
    assert world.key().generation == 2


def test_a_refused_key_is_read_again_at_once_then_by_backoff() -> None:
    world = static(probe_every=60, refresh=600).run(10)
    world.vault.refused.add("sk-billing-1")
    world.run_until(lambda: bool(world.told("key.replacement_failed")), 70)
    first = world.times(Refresh)
    assert len(first) == 1, "after the second refusal, a second later"
    fault = world.fault()
    assert fault is not None
    assert fault.kind is FaultKind.REFUSED
    world.run(7200)
    assert world.published["billing"] == "sk-billing-1", "there is no other"
    waits = gaps(world.times(Refresh))
    assert waits[:4] == pytest.approx([60, 120, 240, 480], abs=1)
    assert max(waits) <= 601, "never less often than without a fault"
    world.vault.kept["billing"] = "sk-2"
    world.run(601)
    assert world.published["billing"] == "sk-2"
    assert world.key().trouble is None


def test_a_refusal_that_passes() -> None:
    sayings = (Saying(Verdict.REFUSED, 1050, 1100),)
    world = static(probe_every=60, refresh=600)
    world.sayings = sayings
    world.run(400)
    assert world.key().generation == 1
    assert world.key().trouble is None


def test_a_new_value_that_openai_refuses_is_not_published() -> None:
    world = static(refresh=600).run(10)
    world.vault.kept["billing"] = "sk-2"
    world.vault.refused.add("sk-2")
    world.run(2 * 3600)
    assert world.published["billing"] == "sk-billing-1"
    assert max(gaps(world.times(Refresh))) <= 600 + 30 + 1
    world.vault.kept["billing"] = "sk-3"
    world.run(632)
    assert world.published["billing"] == "sk-3"


def test_a_new_value_that_openai_can_not_judge_is_read_again_meanwhile() -> None:
    """Under `require` it waits; what Vault keeps meanwhile counts."""
    world = static(verify=VerifyMode.REQUIRE, refresh=60).run(10)
    world.sayings = (Saying(Verdict.UNKNOWN, world.now, world.now + 1000),)
    world.vault.kept["billing"] = "sk-2"
    world.run(200)
    assert isinstance(world.key().cycle, OnTrial | BackingOff)
    world.vault.kept["billing"] = "sk-3"
    world.run(1100)
    assert world.published["billing"] == "sk-3"


@pytest.mark.parametrize("verify", [VerifyMode.PREFER, VerifyMode.OFF])
@pytest.mark.parametrize("said", [Verdict.REFUSED, Verdict.UNKNOWN])
def test_a_readers_report_leads_to_a_read(verify: VerifyMode, said: Verdict) -> None:
    world = static(verify=verify).run(10)
    world.sayings = (Saying(said, world.now, world.now + 2),)
    world.vault.kept["billing"] = "sk-2"
    world.send(Reported("billing", tag(world))).run(4)
    assert world.published["billing"] == "sk-2"
    assert world.told("key.published")[-1]["reason"] == "reported"


def test_reports_that_come_to_nothing() -> None:
    world = static().run(10)
    world.sayings = (Saying(Verdict.UNKNOWN),)
    for _ in range(100):
        world.send(Reported("billing", tag(world))).run(0.5)
    assert world.calls["Refresh"] <= 11, "once in 5 s"
    assert world.key().trouble is None
    assert world.key().generation == 1


def test_a_report_that_openai_confirms_while_vault_has_no_other() -> None:
    world = static().run(10)
    world.vault.refused.add("sk-billing-1")
    world.send(Reported("billing", tag(world))).run(5)
    assert world.calls["Refresh"] == 1
    assert isinstance(world.key().cycle, BackingOff)


def test_a_rotation_is_a_read() -> None:
    world = static().run(10)
    world.send(RotateRequested("billing", compromised=True)).run(2)
    assert world.key().generation == 1, "Vault has no other"
    world.vault.kept["billing"] = "sk-2"
    world.send(RotateRequested("billing", compromised=True)).run(2)
    assert world.published["billing"] == "sk-2"
    assert world.told("key.published")[-1]["reason"] == "requested"


def test_a_compromised_key_that_was_withdrawn_does_not_come_back() -> None:
    world = static().run(10)
    world.send(RotateRequested("billing", compromised=True, now=True)).run(5)
    world.restart()
    world.run(7200)
    assert not world.published
    fault = world.fault()
    assert fault is not None
    assert "compromised" in fault.message
    assert world.calls["Issue"] <= 6 + 7200 / REFRESH
    assert not world.mints
    world.vault.kept["billing"] = "sk-2"
    world.run(REFRESH)
    assert world.published["billing"] == "sk-2"
    world.vault.kept["billing"] = "sk-billing-1"
    world.run(REFRESH)
    assert world.published["billing"] == "sk-billing-1", "somebody put it there anew"


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
def test_a_stop_waits_for_no_read(revoke: bool) -> None:  # noqa: FBT001 - a parameter
    world = static(rules=(Rule((Refresh,), latency=9),), revoke_on_stop=revoke).run(10)
    world.send(RotateRequested("billing")).run(1)
    world.send(StopRequested()).run(0.1)
    assert world.finished
    assert world.calls["Revoke"] == 0
    assert bool(world.published) is not revoke
    assert len(world.vault.tokens) == (0 if revoke else 1)


def test_a_removed_key_has_nothing_to_revoke() -> None:
    world = static("kept", "removed").run(10)
    world.restart(wish(policy("kept")))
    world.run(1)
    assert [key.name for key in world.state.keys] == ["kept"]


def test_another_address_leaves_nothing_behind() -> None:
    world = static().run(10)
    origin = replace(ORIGIN, address="https://other")
    adopted = world.restart(replace(wish(world.policy), origin=origin))
    assert not adopted.records


def test_an_outage_makes_no_ping_urgent() -> None:
    world = static(rules=(Rule((Refresh, Ping), AWAY, start=1010),)).run(10)
    world.send(RotateRequested("billing")).run(600)
    assert 5 < world.calls["Ping"] < 60


# The switch: a team starts with its static key, and changes the path when its Vault has the plugin.


def test_the_switch_to_the_engine() -> None:
    world = static().run(10)
    world.vault.kept.clear()
    static_key = world.published["billing"]
    world.rules = (Rule((Issue,), latency=20),)
    world.restart(moved(world))
    world.run(10)
    assert world.view().publication is not None, "the old one serves until the new one is there"
    assert world.published["billing"] == static_key
    assert not world.key().confirmed or world.key().outdated
    world.run(20)
    assert world.key().generation == 2
    assert world.told("key.published")[-1]["reason"] == "changed"
    assert world.holds()
    world.run(600)
    assert world.calls["Revoke"] == 0, "the old one had no lease"
    assert not world.told("key.withdrawn")


def test_the_switch_when_the_engine_does_not_answer_yet() -> None:
    """The old key serves through restarts, and comes from the old path: it is not read again."""
    world = static().run(10)
    world.vault.kept.clear()
    world.rules = (Rule((Issue,), LIMITED),)
    wanted = moved(world)
    world.restart(wanted)
    world.send(RotateRequested("billing")).run(700)
    world.restart(wanted)
    world.run(3600)
    assert world.key().outdated
    assert world.view().status is KeyStatus.FRESH
    assert world.calls["Refresh"] == 0
    assert max(gaps(world.times(Issue))) <= 601, "a key without an end makes no wait endless"
    world.rules = (Rule((Probe,), AWAY),)
    world.run(601)
    world.rules = ()
    world.run(601)
    assert world.key().generation == 2
    assert not world.key().outdated


def test_the_switch_in_the_middle_of_a_test() -> None:
    world = static().run(10)
    world.vault.kept.clear()
    world.sayings = (Saying(Verdict.UNKNOWN),)
    wanted = moved(world)
    world.restart(wanted)
    world.run(5)
    assert isinstance(world.key().cycle, OnTrial)
    world.sayings = ()
    world.restart(wanted)
    world.run(5)
    assert world.key().generation == 2
    assert world.calls["Issue"] == 2, "the one that was on trial is published"


def test_the_switch_to_another_path_with_the_same_key() -> None:
    world = static().run(10)
    world.restart(moved(world, "secret/data/elsewhere"))
    world.run(2)
    assert world.key().generation == 1, "no reader has to notice"
    assert not world.key().outdated
    world.run(3600)
    assert world.calls["Refresh"] >= 11


def test_the_switch_back() -> None:
    world = World(policy(overlap=60, probe_every=0), Vault(token_ttl=3600)).start().run(10)
    world.vault.kept["billing"] = "sk-static"
    world.restart(moved(world, "secret/data/billing"))
    world.run(5)
    assert world.published["billing"] == "sk-static"
    assert world.alive() == 1, "its overlap"
    world.run(60)
    assert world.alive() == 0
    world.run(3600)
    assert world.calls["Refresh"] >= 11


def test_an_engine_behind_the_same_path() -> None:
    """Somebody mounts the plugin where KV was: the read mints, which counts from then on."""
    world = static().run(10)
    world.vault.kept.clear()
    world.run(REFRESH + 10)
    assert world.key().generation == 2
    assert len(world.state.mints) == 1
    assert world.alive() == 1
    world.run(3600)
    assert world.alive() <= 2
    assert world.holds()


def test_answers_that_nobody_waits_for() -> None:
    world = static().run(10)
    order = Refresh("billing", 1, Secret("hvs.1"))
    grant = Grant("", float("inf"), renewable=False, secret=Secret("sk-9"), asked_at=world.now)
    world.send(Refreshed(order, grant)).send(Issued(Issue("billing", 1, Secret("hvs.1")), grant))
    assert world.published["billing"] == "sk-billing-1"
