"""Behaviour 5: a mint that a start finds without an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.model.actions import Issue
from freshkey.core.model.events import RotateRequested
from freshkey.core.model.state import Minting
from freshkey.core.model.struct import replace

from tests.core.scripts import (
    LOST,
    ORIGIN,
    Rule,
    desired_state,
    policy,
)
from tests.core.vault import Vault
from tests.core.world import World

if TYPE_CHECKING:
    from freshkey.core.keys.adoption import Adopted

QUIET = {"check_every": 0, "probe_every": 0}


def abandoned(adopted: Adopted) -> list[object]:
    records = [record for record in adopted.records if record.event == "mint.abandoned"]
    return [dict(record.fields)["key"] for record in records]


def test_an_intent_without_an_answer_retires_its_token() -> None:
    world = World(policy("a", "b", **QUIET)).start().run(10)
    world.rules = (Rule((Issue,), LOST, latency=60, acts=True),)
    world.send(RotateRequested("a")).run(5)
    assert isinstance(world.key("a").cycle, Minting)
    assert world.alive() == 3
    world.rules = ()
    adopted = world.restart()
    assert abandoned(adopted) == ["a"]
    world.run(1)
    assert world.calls["LogIn"] == 2
    assert world.file_keys
    world.run(7200)
    assert world.alive() == 2
    assert len(world.vault.tokens) == 1


def test_an_intent_under_a_token_that_was_retired_meanwhile() -> None:
    vault = Vault(token_ttl=1200, token_max=1200, lease_ttl=36_000)
    world = World(policy(**QUIET), vault).start()
    rules = (Rule((Issue,), LOST, start=1400, latency=60, acts=True),)
    world.run_until(lambda: world.now > 1420, 500)
    world.rules = rules
    world.send(RotateRequested("billing"))
    world.run_until(lambda: world.calls["LogIn"] == 2, 500)
    world.restart()
    world.rules = ()
    world.run(1200)
    assert world.holds()
    assert len(vault.tokens) <= 2


def test_an_intent_at_another_address_is_told_of() -> None:
    """Its lease lives to its end there; who looks after that OpenAI account has to know."""
    world = World(policy("a", "b", **QUIET)).start().run(10)
    world.rules = (Rule((Issue,), LOST, latency=60, acts=True),)
    world.send(RotateRequested("a")).run(5)
    world.rules = ()
    elsewhere = replace(ORIGIN, address="https://other")
    adopted = world.restart(replace(desired_state(world.policy), origin=elsewhere))
    assert abandoned(adopted) == ["a"]
    assert adopted.state.abandoned == 1


def test_an_intent_under_a_given_token() -> None:
    world = World(policy(**QUIET), Vault(given_token="hvs.given"))
    world.rules = (Rule((Issue,), LOST, latency=60, acts=True),)
    world.start().run(5)
    world.rules = ()
    assert abandoned(world.restart()) == ["billing"]
    world.run(5)
    assert world.holds()
    assert world.calls["LogIn"] == 1
