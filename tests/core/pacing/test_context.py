"""What a step may look at, and what it remembers of what it was asked."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from freshkey.core.model.actions import Level, Publish, Record, Withdraw
from freshkey.core.model.policy import KeyPolicy
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import KeyState, Lease, Names
from freshkey.core.model.view import Publication
from freshkey.core.pacing.chance import Chance

from tests.core.contexts import NOW, at
from tests.core.scripts import policy

if TYPE_CHECKING:
    from freshkey.core.model.actions import Action


def test_the_step_wants_to_be_woken_at_the_first_instant_that_is_not_due() -> None:
    context = at()
    assert context.due(NOW)
    assert context.due(NOW - 1)
    assert context.wake_at == inf
    assert not context.due(NOW + 9)
    assert not context.due(NOW + 5)
    assert not context.due(NOW + 7)
    assert context.wake_at == NOW + 5


def test_the_lead_is_that_of_the_policy() -> None:
    assert at(chosen=policy("a", "b", overlap=60)).lead == 60 + 30 + 20 + 5


def test_a_key_that_is_not_configured_any_more_has_the_default_options() -> None:
    context = at(chosen=policy("a", overlap=7))
    assert context.of(KeyState("a")) == KeyPolicy(overlap=7)
    assert context.of(KeyState("b")) == KeyPolicy()


def test_only_the_publish_of_the_withdrawn_key_is_taken_back() -> None:
    context = at()
    others: list[Action] = [Publish("b", Publication(1, Secret("sk-2"), None)), Withdraw("a")]
    for action in (others[0], Publish("a", Publication(1, Secret("sk-1"), None)), others[1]):
        context.do(action)
    context.take_back_publish("a")
    assert context.actions == others


def test_what_is_told_of_a_key_is_for_auditors() -> None:
    context = at()
    names = Names("1-0f2c10bf", "key_1", "svc-1")
    lease = Lease(
        *("openai/creds/a/1", 1, 60.0),
        renewable=False,
        started_at=0.0,
        expires_at=60.0,
        draw=0.5,
        names=names,
    )
    context.audit("key.renewed", "a", lease, Level.WARNING, duration=60.0)
    context.audit("key.mint_intended", "a")
    context.tell("agent.stopping", Level.ERROR, accessor="accessor-1")
    context.tell("clock.jumped")
    known = {
        "key": "a",
        "tag": "1-0f2c10bf",
        "lease_id": "openai/creds/a/1",
        "api_key_id": "key_1",
        "service_account": "svc-1",
    }
    assert context.actions == [
        Record(Level.WARNING, "key.renewed", (*known.items(), ("duration", 60.0)), audit=True),
        Record(
            Level.INFO,
            "key.mint_intended",
            (("key", "a"), *((name, None) for name in known if name != "key")),
            audit=True,
        ),
        Record(Level.ERROR, "agent.stopping", (("accessor", "accessor-1"),)),
        Record(Level.INFO, "clock.jumped", ()),
    ]


def test_a_seed_gives_the_same_draws_everywhere() -> None:
    """A simulated history replays by its number, on any machine."""
    assert Chance(1).draw("billing", "backoff") == 0.2970400414296668
    assert Chance(7).draw("token") == 0.2993659395428614
