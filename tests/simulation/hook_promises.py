"""8. A hook tells an application of its new key: without it, the application holds the old one.

No generation that stands for a while is left out, none is told of twice without a reason, and a
program that fails is not run all the time.
"""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Final

from freshkey.core.pacing.backoff import CAP
from freshkey.host.command import GRACE

from tests.simulation.broken import BrokenError
from tests.simulation.configuration import HOOK_TIMEOUT
from tests.simulation.histories import Kind, key_name
from tests.simulation.programs import LONGEST
from tests.simulation.world import FILE_BACKOFF

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.simulation.programs import Call, Stand
    from tests.simulation.run import Outcome
    from tests.simulation.world import World

_MOST_A_MINUTE: Final = 14  # runs of a hook that fails: each wait may be a tenth of the doubled one
_MINUTE: Final = 60.0
_INSTANT: Final = 1e-3  # seconds: a kill just after the last program may have been before the note
_NEXT_LOOK: Final = 2.0  # seconds until a suspended machine, or another configuration, goes on


def hooks_are_run(outcome: Outcome) -> None:
    """Look at each key that has hooks, and had them all the time."""
    programs = outcome.programs
    if outcome.world.is_journal_old:  # which has lost what a hook was told of
        return
    for index, plan in enumerate(outcome.world.history.keys):
        name = key_name(index)
        if name in programs.forgotten or not plan.hooks:
            continue
        calls = [call for call in programs.calls if call.name == name]
        stands = [stand for stand in programs.stands if stand.name == name]
        _none_is_left_out(outcome.world, plan.hooks, calls, stands)
        _none_is_run_twice(outcome, plan.hooks, calls)
        for hook in range(len(plan.hooks)):
            _failures_are_paced(name, [call for call in calls if call.hook == hook])


def _due(hooks: Sequence[str], generation: int, done: int) -> list[int]:
    """List the hooks that are to run for a generation, if all have for the one called `done`."""
    wanted = {"both"} | ({"rotate"} if generation > 1 else set())
    if not done:
        wanted.add("first")
    return [index for index, event in enumerate(hooks) if event in wanted]


def _none_is_left_out(
    world: World, hooks: Sequence[str], calls: Sequence[Call], stands: Sequence[Stand]
) -> None:
    done, once = 0, set[int]()
    for stand in stands:
        if stand.generation == done:
            continue
        due = [hook for hook in _due(hooks, stand.generation, done) if hook not in once]
        until = _in_time(world, stand.began, len(due))
        worked = {
            call.hook: call.ended
            for call in calls
            if call.worked and call.generation == stand.generation and call.ended <= stand.ended
        }
        missing = [hook for hook in due if worked.get(hook, until + 1.0) > until]
        if missing and until < stand.ended:
            what = f"{hooks[missing[0]]} hook of {stand.name} is not run for generation"
            times = f"from {stand.began:.3f} to {until:.3f}"
            raise BrokenError(8, f"the {what} {stand.generation} {times}")
        if worked.keys() >= set(due):
            done = stand.generation
        once |= {hook for hook in worked if hooks[hook] == "first"}


def _in_time(world: World, began: float, count: int) -> float:
    """Return when the last of so many hooks has ended, past all that holds it up.

    One of the generation before may be under way.
    """
    once = (count + 1) * LONGEST + 1.0
    until = began + once
    for first, recovered in sorted(_disturbances(world)):
        if first <= until and began <= recovered:
            until = max(until, recovered + once)
    return until


def _disturbances(world: World) -> Iterator[tuple[float, float]]:
    for one in world.past:
        match one.kind:
            case Kind.HOOK_FAILING:
                yield one.at, one.at + one.seconds + HOOK_TIMEOUT + GRACE + CAP
            case Kind.DISK_FULL:
                yield one.at, one.at + one.seconds + FILE_BACKOFF
            case Kind.SUSPENDED | Kind.RELOADED:
                yield one.at, one.at + one.seconds + _NEXT_LOOK


def _none_is_run_twice(outcome: Outcome, hooks: Sequence[str], calls: Sequence[Call]) -> None:
    """What ends an agent, or its configuration, before all have worked has them run again."""
    ends = [down.began for down in outcome.lives.downs]
    ends += [one.at for one in outcome.world.past if one.kind is Kind.RELOADED]
    for hook, event in enumerate(hooks):
        worked = [call for call in calls if call.hook == hook and call.worked]
        for one, again in pairwise(worked):
            if one.generation != again.generation and event != "first":
                continue
            same = [call for call in calls if call.generation == one.generation]
            noted_at = _noted_at(outcome.world, same)
            if not any(one.ended <= end <= again.began and end <= noted_at for end in ends):
                what = f"the {event} hook of {one.name} has worked for generation {one.generation}"
                times = f"at {one.ended:.3f}, and again at {again.ended:.3f}"
                raise BrokenError(8, f"{what} {times} for {again.generation}")


def _noted_at(world: World, calls: Sequence[Call]) -> float:
    """Return when the next agent can know that all hooks of a generation have worked."""
    first = {call.hook: call.ended for call in reversed(calls) if call.worked}
    if first.keys() != {call.hook for call in calls}:
        return inf
    noted_at = max(first.values()) + _INSTANT
    return inf if world.was_disk_full(noted_at) else noted_at


def _failures_are_paced(name: str, calls: Sequence[Call]) -> None:
    of_one = [(call.generation, call.began) for call in calls]
    for first, last in zip(of_one, of_one[_MOST_A_MINUTE:], strict=False):
        if first[0] == last[0] and last[1] - first[1] < _MINUTE:
            what = f"a hook of {name} is run more than {_MOST_A_MINUTE} times"
            raise BrokenError(8, f"{what} from {first[1]:.3f} to {last[1]:.3f}")
