"""Keys at rest: who is planned for again, and when."""

from __future__ import annotations

from math import inf

import pytest
from freshkey.core.agent.resting import Planner, Resting
from freshkey.core.model.policy import AgentPolicy
from freshkey.core.model.state import Idle, KeyState, Link, Wanted
from freshkey.core.model.struct import replace
from freshkey.core.model.token import Tokens
from freshkey.core.pacing.chance import Chance
from freshkey.core.pacing.context import StepContext

POLICY, TOKENS, LINK = AgentPolicy({}), Tokens(), Link()
KEY = KeyState("billing", cycle=Idle())
DUE = 100.0


def context(
    now: float, *, policy: AgentPolicy = POLICY, tokens: Tokens = TOKENS, link: Link = LINK
) -> StepContext:
    return StepContext(now, Chance(0), policy, tokens, link, None)


def step(before: Resting, at: StepContext, key: KeyState = KEY) -> tuple[Resting, list[float]]:
    """Plan in two parts, of which the second is due first; return what rests, and who planned."""
    planned = []

    def first(key: KeyState, context: StepContext) -> KeyState:
        planned.append(DUE + 1)
        return replace(key, failures=1) if context.due(DUE + 1) else key

    def second(key: KeyState, context: StepContext) -> KeyState:
        planned.append(DUE)
        return replace(key, failures=2) if context.due(DUE) else key

    planner = Planner(before, at)
    keys = planner.plan(planner.plan([key], first), second)
    return planner.resting([key], keys), planned


def test_a_key_is_left_alone_until_the_first_instant_that_it_asked_for() -> None:
    resting, planned = step(Resting(), context(0))
    assert planned == [DUE + 1, DUE]
    for now in (1, DUE - 0.001):
        at = context(now)
        resting, planned = step(resting, at)
        assert (planned, at.wake_at) == ([], DUE)
    assert step(resting, context(DUE))[1] == [DUE + 1, DUE]


def test_the_step_wakes_for_whoever_is_due_first() -> None:
    at = context(0)
    at.due(DUE - 1)
    step(Resting(), at)
    assert at.wake_at == DUE - 1
    at = context(0)
    at.due(DUE + 2)
    step(Resting(), at)
    assert at.wake_at == DUE


@pytest.mark.parametrize(
    "other",
    [
        context(1, policy=AgentPolicy({})),
        context(1, tokens=Tokens()),
        context(1, link=Link()),
    ],
    ids=["policy", "tokens", "link"],
)
def test_nothing_rests_when_what_its_plan_depends_on_has_changed(other: StepContext) -> None:
    resting, _ = step(Resting(), context(0))
    assert step(resting, other)[1] == [DUE + 1, DUE]


def test_a_key_that_has_changed_does_not_rest() -> None:
    resting, _ = step(Resting(), context(0))
    changed = replace(KEY, failures=3)
    assert step(resting, context(1), changed)[1] == [DUE + 1, DUE]
    assert step(Resting(), context(DUE))[0].keys == {}


def test_a_key_whose_replacement_is_under_way_does_not_rest() -> None:
    assert step(Resting(), context(0), replace(KEY, cycle=Wanted(KEY.reason)))[0].keys == {}


def test_a_key_that_asked_for_no_instant_rests_for_good() -> None:
    planner = Planner(Resting(), context(0))
    keys = planner.plan([KEY], lambda key, _: key)
    assert planner.resting([KEY], keys).keys == {KEY.name: (KEY, inf)}
