"""A team starts with its static key, and changes the path when its Vault has the plugin."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from freshkey.core.model.actions import Issue, Ping, Refresh
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.events import (
    Refreshed,
    RotateRequested,
)
from freshkey.core.model.grants import Grant
from freshkey.core.model.ledger import Source
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import Testing as BeingTested
from freshkey.core.model.struct import replace
from freshkey.core.model.verdict import Verdict
from freshkey.core.model.view import KeyStatus

from tests.core.scripts import (
    AWAY,
    LIMITED,
    ForcedVerdict,
    Rule,
    desired_state,
    gaps,
    policy,
)
from tests.core.static import REFRESH, static
from tests.core.strategies import CALLS
from tests.core.vault import Vault
from tests.core.world import World

if TYPE_CHECKING:
    from freshkey.core.keys.adoption import DesiredState


def moved(world: World, path: str = "openai/creds/billing-2") -> DesiredState:
    """The configuration with another path for the key."""
    return replace(desired_state(world.policy), sources={"billing": Source(path, "api_key")})


def test_the_switch_to_the_engine() -> None:
    world = static().run(10)
    world.vault.static_keys.clear()
    static_key = world.file_keys["billing"]
    world.rules = (Rule((Issue,), latency=20),)
    world.restart(moved(world))
    world.run(10)
    assert world.view().publication is not None, "the old one serves until the new one is there"
    assert world.file_keys["billing"] == static_key
    assert not world.key().confirmed or world.key().outdated
    world.run(20)
    assert world.key().generation == 2
    assert world.logged("key.published")[-1]["reason"] == "changed"
    assert world.holds()
    world.run(600)
    assert world.calls["Revoke"] == 0, "the old one had no lease"
    assert not world.logged("key.withdrawn")


def test_the_switch_when_the_engine_does_not_answer_yet() -> None:
    """The old key serves through restarts, and comes from the old path: it is not read again."""
    world = static().run(10)
    world.vault.static_keys.clear()
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
    world.vault.static_keys.clear()
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    wanted = moved(world)
    world.restart(wanted)
    world.run(5)
    assert isinstance(world.key().cycle, BeingTested)
    world.forced_verdicts = ()
    world.restart(wanted)
    world.run(5)
    assert world.key().generation == 2
    assert world.calls["Issue"] == 2, "the one that was being tested is published"


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
    world.vault.static_keys["billing"] = "sk-static"
    world.restart(moved(world, "secret/data/billing"))
    world.run(5)
    assert world.file_keys["billing"] == "sk-static"
    assert world.alive() == 1, "its overlap"
    world.run(60)
    assert world.alive() == 0
    world.run(3600)
    assert world.calls["Refresh"] >= 11


def test_an_engine_behind_the_same_path() -> None:
    """Somebody mounts the plugin where KV was: the read mints, which counts from then on."""
    world = static().run(10)
    world.vault.static_keys.clear()
    world.run(REFRESH + 10)
    assert world.key().generation == 2
    assert len(world.state.mints) == 1
    assert world.alive() == 1
    world.run(3600)
    assert world.alive() <= 2
    assert world.holds()


def test_a_revocation_waits_for_a_read() -> None:
    """Never more than one request of a key is under way: the world checks that."""
    world = World(policy(overlap=60, check_every=0, probe_every=0)).start().run(5)
    world.vault.static_keys = {"billing": "sk-kept"}
    world.restart(moved(world, "kv/billing"))
    world.run(50)
    world.rules = (Rule((Refresh,), latency=30),)
    world.send(RotateRequested("billing")).run(25)
    assert world.calls["Refresh"] == 1
    assert world.calls["Revoke"] == 0
    world.run(10)
    assert world.calls["Revoke"] == 1


def test_a_kept_key_is_not_read_while_vault_is_away() -> None:
    world = static().run(10)
    world.rules = (Rule((*CALLS, Ping), AWAY),)
    world.run(3600)
    assert world.state.link.away
    assert world.calls["Refresh"] == 1


def test_a_kept_key_may_have_names_too() -> None:
    world = static().run(10)
    world.rules = (Rule((Refresh,), latency=10),)
    world.send(RotateRequested("billing")).run(1)
    (order,) = [order for _, order in world.log if isinstance(order, Refresh)]
    grant = Grant("", inf, False, Secret("sk-2"), world.now, "key_2", "svc_2")  # noqa: FBT003 - renewable
    world.vault.static_keys = {"billing": "sk-2"}
    world.send(Refreshed(order, grant)).run(1)
    told = world.logged("key.published")[-1]
    assert (told["api_key_id"], told["service_account"]) == ("key_2", "svc_2")
