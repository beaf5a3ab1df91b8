"""8. A hook tells an application of its new key: without it, the application holds the old one.

No generation that stands for a while is left out, none is told of twice without a reason, nor to a
hook that is not for it, and a program that fails is not run all the time.
"""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Final

from tests.simulation.broken import BrokenError
from tests.simulation.configuration import HOOK_TIMEOUT
from tests.simulation.histories import Kind, key_name
from tests.simulation.programs import LONGEST
from tests.simulation.world import FILE_BACKOFF

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.simulation.histories import Incident
    from tests.simulation.programs import Call, Shown
    from tests.simulation.run import Outcome
    from tests.simulation.world import World

_ONE_RUN: Final = HOOK_TIMEOUT + 2.0  # seconds: SIGKILL comes two seconds after SIGTERM
_LONGEST_WAIT: Final = 60.0  # seconds between two runs of a hook that fails
_MOST_A_MINUTE: Final = 14  # runs of a hook that fails: each wait may be a tenth of the doubled one
_MINUTE: Final = 60.0
_NOTING: Final = 1e-3  # seconds: a kill this soon after the last hook may come before hooks.json
_NEXT_LOOK: Final = 2.0  # seconds until a suspended machine, or another configuration, goes on


def hooks_are_run(outcome: Outcome) -> None:
    """Look at each key that has hooks, and had them all the time."""
    programs, world = outcome.programs, outcome.world
    if world.old_journals:  # which has lost what a hook was told of
        return
    for index, plan in enumerate(world.history.keys):
        name = key_name(index)
        if name in programs.forgotten or not plan.hooks:
            continue
        calls = [call for call in programs.calls if call.name == name]
        periods = [shown for shown in programs.periods if shown.name == name]
        _each_is_for_its_generation(plan.hooks, calls)
        _none_is_left_out(world, plan.hooks, calls, periods)
        ends = [down.began for down in outcome.lives.downs]
        ends += world.reloads
        for hook, event in enumerate(plan.hooks):
            _none_is_run_twice(world, event, hook, calls, ends)
            _failures_are_paced(name, [call for call in calls if call.hook == hook], ends)


def _due(hooks: Sequence[str], generation: int, done: int) -> list[int]:
    """List the hooks that are to run for a generation, if all have for the one called `done`."""
    wanted = {"both"} | ({"rotate"} if generation > 1 else set())
    if not done:
        wanted.add("first")
    return [index for index, event in enumerate(hooks) if event in wanted]


def _each_is_for_its_generation(hooks: Sequence[str], calls: Sequence[Call]) -> None:
    for call in calls:
        if call.hook not in _due(hooks, call.generation, 0):
            what = f"the {hooks[call.hook]} hook of {call.name} is run for generation"
            raise BrokenError(8, f"{what} {call.generation}, at {call.began:.3f}")


def _none_is_left_out(
    world: World, hooks: Sequence[str], calls: Sequence[Call], periods: Sequence[Shown]
) -> None:
    """`first` hooks that have worked are not owed again; another agent may run one all the same."""
    done, once = 0, set[int]()
    for shown in periods:
        if shown.generation == done:
            continue
        due = [hook for hook in _due(hooks, shown.generation, done) if hook not in once]
        worked = {
            call.hook: call.ended
            for call in reversed(calls)
            if call.worked and call.generation == shown.generation and call.ended <= shown.ended
        }
        for hook in due:
            until = _in_time(world, shown.began, hook, len(due))
            if worked.get(hook, inf) > until and until < shown.ended:
                what = f"the {hooks[hook]} hook of {shown.name} is not run for generation"
                times = f"from {shown.began:.3f} to {until:.3f}"
                raise BrokenError(8, f"{what} {shown.generation} {times}")
        if worked.keys() >= set(due):
            done = shown.generation
        once |= {  # one that was under way when the next generation came, too
            call.hook
            for call in calls
            if call.worked and call.generation <= shown.generation and call.began <= shown.ended
            if hooks[call.hook] == "first"
        }


def _in_time(world: World, began: float, hook: int, count: int) -> float:
    """Return when a hook has ended, the last of so many, past all that holds it up.

    Each other one that fails is waited for once, and one of the generation before, which may fail
    as well, can be under way.
    """
    others = sum(one.kind is Kind.HOOK_FAILING and one.key != hook for one in world.past)
    under_way = _ONE_RUN if others else LONGEST
    once = under_way + count * LONGEST + others * _ONE_RUN + 1.0
    until = began + once
    held_up = [_holds_up(one, hook) for one in world.past]
    held_up += [(at, at + _NEXT_LOOK) for at in world.reloads]
    for first, recovered in sorted(held_up):
        if first <= until and began <= recovered:
            until = max(until, recovered + once)
    return until


def _holds_up(one: Incident, hook: int) -> tuple[float, float]:
    """Return from when to when an incident keeps a hook from being run, or from working."""
    match one.kind:
        case Kind.HOOK_FAILING if one.key == hook:
            return one.at, one.at + one.seconds + _ONE_RUN + _LONGEST_WAIT
        case Kind.DISK_FULL:
            return one.at, one.at + one.seconds + FILE_BACKOFF
        case Kind.SUSPENDED:
            return one.at, one.at + one.seconds + _NEXT_LOOK
        case _:
            return inf, -inf


def _none_is_run_twice(
    world: World, event: str, hook: int, calls: Sequence[Call], ends: Sequence[float]
) -> None:
    """What ends an agent, or its configuration, before all have worked has them run again."""
    worked = [call for call in calls if call.hook == hook and call.worked]
    for one, again in pairwise(worked):
        if one.generation != again.generation and event != "first":
            continue
        same = [call for call in calls if call.generation == one.generation]
        noted_at = _noted_at(world, same)
        if not any(one.ended <= end <= again.began and end <= noted_at for end in ends):
            what = f"the {event} hook of {one.name} has worked for generation {one.generation}"
            times = f"at {one.ended:.3f}, and again at {again.ended:.3f}"
            raise BrokenError(8, f"{what} {times} for {again.generation}")


def _noted_at(world: World, calls: Sequence[Call]) -> float:
    """Return when the next agent can know that all hooks of a generation have worked.

    That is in a file, which a full disk does not take.
    """
    first = {call.hook: call.ended for call in reversed(calls) if call.worked}
    if first.keys() != {call.hook for call in calls}:
        return inf
    noted_at = max(first.values()) + _NOTING
    return inf if world.was_disk_full(noted_at) else noted_at


def _failures_are_paced(name: str, calls: Sequence[Call], ends: Sequence[float]) -> None:
    """Each agent, and each configuration, begins the waits anew."""
    for part in _parts(calls, ends):
        of_one = [(call.generation, call.began) for call in part]
        for first, last in zip(of_one, of_one[_MOST_A_MINUTE:], strict=False):
            if first[0] == last[0] and last[1] - first[1] < _MINUTE:
                what = f"a hook of {name} is run more than {_MOST_A_MINUTE} times"
                raise BrokenError(8, f"{what} from {first[1]:.3f} to {last[1]:.3f}")


def _parts(calls: Sequence[Call], ends: Sequence[float]) -> Iterator[list[Call]]:
    edges = [-inf, *sorted(ends), inf]
    for began, ended in pairwise(edges):
        yield [call for call in calls if began <= call.began < ended]
