"""The whole agent in a simulated world: histories that Hypothesis draws, and some by hand."""

from __future__ import annotations

from itertools import pairwise
from unittest.mock import patch

import pytest
from freshkey.core.agent.link import URGENT_PING_EVERY
from freshkey.core.pacing import backoff

from tests.simulation.broken import BrokenError
from tests.simulation.campaign import run_share
from tests.simulation.histories import (
    Counted,
    History,
    Incident,
    KeyPlan,
    Kind,
    NodeFault,
    from_text,
)
from tests.simulation.run import check, run
from tests.simulation.story import command

HOUR = 3600.0


def test_an_undisturbed_hour() -> None:
    outcome = check(History(seconds=HOUR))
    assert outcome.readers.gaps == []
    assert len(outcome.world.openai.accounts) == pytest.approx(11, abs=3)
    assert outcome.polls.answers > 70
    assert outcome.watchers.told == len(outcome.world.openai.accounts)
    assert outcome.client.answered == HOUR / 60 - 1


@pytest.mark.timeout(600)  # a processor that others use, too, takes long for seconds of its time
def test_a_share_of_what_is_drawn() -> None:
    share = run_share(12, seed=16)  # `make simulate` runs more, and others
    assert share.broken is None, command(from_text(share.broken or "{}"))
    assert share.summary.histories == 12


def test_a_wait_that_outlasts_its_key_is_found() -> None:
    """Vault answers well again 40 s before the key's end, and nothing excuses that it ends."""
    history = History(
        keys=(KeyPlan(ttl=240, overlap=10, check_every=0, probe_every=0),),
        seed=5,
        seconds=500.0,
        incidents=(Incident(Kind.VAULT_GARBLED, 100.0, 100.0),),
    )
    assert check(history).readers.gaps == []
    with (
        patch.object(backoff, "before_end", lambda _base, wait, _remaining: wait),
        pytest.raises(BrokenError, match="invariant 1: the reader of alpha"),
    ):
        check(history)


def test_a_vault_that_answers_pings_alone_is_not_hammered() -> None:
    plans = KeyPlan(ttl=120, renewable=True), KeyPlan(ttl=240, renewable=True)
    failing, rotated = Incident(Kind.VAULT_FAILING, 123.0, 400.0), Incident(Kind.ROTATED, 118.0)
    outcome = check(History(keys=plans, incidents=(failing, rotated), seconds=703.0))
    pings = [at for at, path, _ in outcome.world.requests if path.endswith("health")]
    assert len(pings) > 50
    assert min(after - before for before, after in pairwise(pings)) >= URGENT_PING_EVERY


def test_the_budget_counts_when_a_mint_was_ordered() -> None:
    """A node that refuses one, and slowly, has Vault get it later, and the next one in time."""
    plan = KeyPlan(ttl=120, overlap=10)
    refuses = Incident(Kind.NODE_DOWN, 60.0, 60.0, NodeFault.SEALED)
    slow = Incident(Kind.VAULT_SLOW, 60.0, 60.0, 8)
    check(History(keys=(plan,) * 3, nodes=3, budget=1, incidents=(refuses, slow), seconds=600.0))


@pytest.mark.parametrize(
    ("kind", "told"),
    [(Kind.KILLED, "killed at an await of "), (Kind.RESTARTED, "stopped at an await of ")],
)
def test_an_agent_may_be_killed_or_stopped_at_any_await(kind: Kind, told: str) -> None:
    places: set[str] = set()
    for number in range(0, 60, 4):
        story: list[str] = []
        check(History(seconds=600.0, incidents=(at_an_await(kind, number),)), story)
        (place,) = [line.partition(told)[2] for line in story if told in line]
        places.add(place)
    assert len(places) > 5


def at_an_await(kind: Kind, number: int) -> Incident:
    return Incident(kind, 60.0, 1.0, number, Counted.AWAITS)


def test_a_history_goes_the_same_way_each_time() -> None:
    history = History(
        keys=(KeyPlan(ttl=120), KeyPlan(verify="require")),
        seconds=900.0,
        incidents=(
            Incident(Kind.VAULT_LOST, 100.0, 20.0),
            Incident(Kind.KILLED, 200.0, 5.0, 7, key=1),
            Incident(Kind.RELOADED, 400.0, number=3),
        ),
    )
    stories: tuple[list[str], list[str]] = [], []
    first, second = run(history, stories[0]), run(history, stories[1])
    assert stories[0] == stories[1]
    assert first.world.requests == second.world.requests
