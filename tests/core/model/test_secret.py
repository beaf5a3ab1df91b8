from __future__ import annotations

import copy
import json
import pickle

import pytest
from freshkey.core.model.events import RotateRequested
from freshkey.core.model.secret import MASK, Secret
from freshkey.core.model.view import Publication
from freshkey.core.pacing.chance import Chance

from tests.core.scripts import policy
from tests.core.vault import Vault
from tests.core.world import World

SECRET = Secret("sk-canary")


@pytest.mark.parametrize(
    "shown", [repr(SECRET), str(SECRET), f"{SECRET}", f"{SECRET:>9}", repr([SECRET])]
)
def test_a_secret_does_not_show_itself(shown: str) -> None:
    assert "canary" not in shown
    assert MASK in shown


def test_a_secret_is_not_serialised() -> None:
    for serialise in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="a Secret is not serialised"):
            serialise(SECRET)
    with pytest.raises(TypeError):
        json.dumps(SECRET)


def test_a_secret_leaves_by_one_door() -> None:
    assert SECRET.reveal() == "sk-canary"
    assert not hasattr(SECRET, "__dict__")


def test_secrets_compare() -> None:
    assert Secret("sk-canary") == SECRET
    assert Secret("sk-other") != SECRET
    assert SECRET != "sk-canary"
    assert len({SECRET, Secret("sk-canary"), Secret("sk-other")}) == 2
    assert SECRET
    assert not Secret("")


def test_a_tag_names_a_generation_by_the_fingerprint() -> None:
    """The first 8 hex digits of the SHA-256."""
    assert Publication(7, Secret("sk-1"), None).tag == "7-0f2c10bf"


def test_draws_are_independent_and_repeatable() -> None:
    draws = [Chance(seed).draw(label) for seed in range(1000) for label in ("a", "b")]
    assert len(set(draws)) == 2000
    assert all(0 <= draw < 1 for draw in draws)
    assert 0.45 < sum(draws) / 2000 < 0.55
    assert Chance(1).draw("a", "b") == Chance(1).draw("a", "b") != Chance(1).draw("b", "a")


def test_no_record_holds_a_secret() -> None:
    world = World(policy("a", "b"), Vault(token_ttl=600, token_max=900)).start().run(3600)
    world.send(RotateRequested("a", now=True)).run(10)
    world.vault.end_everything()
    world.run(400)
    text = repr([record for _, record in world.records])
    assert len(world.records) > 50
    assert "sk-" not in text
    assert "hvs." not in text
    state = repr(world.state)
    assert "sk-" not in state
    assert "hvs." not in state
