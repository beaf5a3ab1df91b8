"""Agents whose hooks are broken on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from freshkey.core.model.events import Published
from freshkey.core.pacing.hooks import planned, without
from freshkey.daemon import serving
from freshkey.daemon.environment import AgentEnvironment
from freshkey.hooks import key_hooks
from freshkey.hooks.done import DoneHooks
from freshkey.hooks.key_hooks import KeyHooks

from tests.simulation.histories import History, Incident, KeyPlan, Kind
from tests.simulation.mutant import Mutant, after, module

if TYPE_CHECKING:
    from collections.abc import Callable

_publish = AgentEnvironment.publish


def _run_at_once(_before: object, run: Callable[[], Any], _ended: object) -> Any:  # noqa: ANN401 - as serving._after
    return run()


def _note_before(hooks: KeyHooks, occasion: Any) -> None:  # noqa: ANN401 - as KeyHooks._run_all
    hooks._remember(occasion.generation)  # noqa: SLF001 - a broken one's


def _tell_although_it_failed(environment: AgentEnvironment, order: Any) -> Any:  # noqa: ANN401 - as publish
    answer = _publish(environment, order)
    if isinstance(answer, Published):
        environment.hooks.published(answer.order)
    return answer


HOOK_MUTANTS: Final = (
    Mutant(
        "tries no hook again",
        8,
        ((key_hooks, "put_off", lambda runs, failed, *_: without(runs, failed)),),
        (Kind.HOOK_FAILING,),
    ),
    Mutant(
        "tries hooks again at once",
        8,
        ((module("pacing.hooks"), "jittered", lambda *_: 0.1),),
        (Kind.HOOK_FAILING,),
    ),
    Mutant(
        "has all hooks wait for one that fails",
        8,
        ((key_hooks, "next_run", lambda runs: runs[0] if runs else None),),
        (Kind.HOOK_FAILING,),
    ),
    Mutant(
        "runs a first hook again because another one fails",
        8,
        ((key_hooks, "planned", lambda events, now, done, _: planned(events, now, done)),),
        history=History(
            keys=(KeyPlan(ttl=240, hooks=("first", "both")),),
            incidents=(Incident(Kind.HOOK_FAILING, 0.0, 400.0, key=1),),
        ),
    ),
    Mutant(
        "runs hooks for a rotation at the first publish",
        8,
        ((key_hooks, "planned", lambda events, now, *rest: planned(events, now + 1, *rest)),),
        (Kind.ROTATED,),
    ),
    Mutant(
        "tells hooks of a key that its file does not have",
        8,
        ((AgentEnvironment, "publish", _tell_although_it_failed),),
        (Kind.DISK_FULL,),
    ),
    Mutant(
        "does not note which hooks have worked",
        8,
        ((DoneHooks, "remember", lambda *_: None),),
        (Kind.KILLED, Kind.RESTARTED),
    ),
    Mutant(
        "notes hooks before they have worked",
        8,
        (after(KeyHooks, "_run_all", _note_before),),
        history=History(
            keys=(KeyPlan(hooks=("both",)),),
            seconds=120.0,
            incidents=(
                Incident(Kind.HOOK_FAILING, 0.0, 20.0),
                Incident(Kind.KILLED, 10.0, 5.0),
            ),
        ),
    ),
    Mutant(
        "runs hooks of two configurations side by side",
        8,
        ((serving, "_after", _run_at_once),),
        (Kind.RELOADED, Kind.HOOK_FAILING),
    ),
)
