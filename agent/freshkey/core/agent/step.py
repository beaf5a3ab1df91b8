"""The whole agent as one function: `step(policy, state, events, now, chance)`.

One step absorbs events, then plans: it orders whatever is due, and says when it next wants to
be woken. All keys are stepped together, because they share the token, the mint budget, and the
journal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.agent import budget, link, needs, stopping
from freshkey.core.agent.resting import NONE_RESTING, Planner, Resting
from freshkey.core.keys import lifecycle as keys
from freshkey.core.keys import publishing, renewal, replacement
from freshkey.core.model.actions import (
    Action,
    Exchange,
    Issue,
    LogIn,
    LookUpToken,
    Order,
    Ping,
    Publish,
    RenewToken,
    RevokeToken,
    Test,
    TokenOrder,
    VaultKeyOrder,
    Withdraw,
)
from freshkey.core.model.events import (
    ClockJumped,
    Event,
    Failed,
    FilesChanged,
    Pinged,
    Reported,
    RotateRequested,
    Started,
    StopRequested,
    TokenEvent,
    Woke,
)
from freshkey.core.model.faults import UNSPENT, Fault, FaultKind
from freshkey.core.model.state import AgentState, KeyState
from freshkey.core.model.struct import Struct, replace
from freshkey.core.pacing.context import StepContext
from freshkey.core.tokens import answers as token_answers
from freshkey.core.tokens import lifecycle as tokens
from freshkey.core.tokens import losses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from freshkey.core.model.policy import AgentPolicy
    from freshkey.core.pacing.chance import Chance


class Step(Struct, frozen=True):
    """What a step comes to. `wake_at` is the next deadline; `finished` ends the agent."""

    state: AgentState
    actions: tuple[Action, ...]
    wake_at: float
    finished: bool
    resting: Resting


def step(  # noqa: PLR0913 - the five that decide, and what only saves time
    policy: AgentPolicy,
    state: AgentState,
    events: Iterable[Event],
    now: float,
    chance: Chance,
    *,
    resting: Resting = NONE_RESTING,
) -> Step:
    """Absorb events in their order, and order what is due at `now` (seconds on the lease clock).

    The new state belongs in the journal before the actions are performed. `resting` is what the
    last step said; it saves time, and changes nothing.
    """
    context = StepContext(now, chance, policy, state.tokens, state.link, state.stopping)
    for event in events:
        state = _absorb(state, event, context)
        context.tokens, context.link, context.stopping = state.tokens, state.link, state.stopping
    state, resting = _plan(state, resting, context)
    finished = stopping.finished(state, context)
    return Step(state, tuple(context.actions), context.wake_at, finished, resting)


def holds_of_vault(state: AgentState) -> bool:
    """Whether there is something that Vault gave, and has to end: a token, or a lease."""
    tokens = state.tokens
    held = tokens.current is not None or bool(tokens.retired)
    return held or any(keys.live_leases(key) for key in state.keys)


def _absorb(state: AgentState, event: Event, context: StepContext) -> AgentState:
    if isinstance(event, TokenEvent):
        return replace(state, tokens=token_answers.absorb(state.tokens, event, context))
    match event:
        case Started():
            return _each(state, lambda key: publishing.restore(key, context))
        case Woke():
            return state
        case ClockJumped():
            context.tell("clock.jumped")
            checked = _each(state, lambda key: _check_now(key, context))
            return replace(checked, tokens=replace(state.tokens, recheck=True))
        case StopRequested(to_reload=to_reload):
            return stopping.begin(state, context, to_reload=to_reload)
        case FilesChanged(name=name):
            return _one(state, name, lambda key: publishing.restore(key, context))
        case RotateRequested(name=name) | Reported(name=name):
            return _one(state, name, lambda key: keys.request(key, event, context))
        case Pinged():
            return _on_pinged(state, context)
        case Failed(order=order, fault=fault):
            return _on_failed(state, order, fault, context)
        case _:
            state = budget.recount(state, event, context)
            return _one(state, event.order.name, lambda key: keys.absorb(key, event, context))


def _on_pinged(state: AgentState, context: StepContext) -> AgentState:
    state = _each(state, lambda key: link.hasten_key(key, context))
    held = state.tokens
    if held.trouble is not None:
        at = link.hasten(held.retry_at, held.trouble.at, held.failures, held.trouble.fault, context)
        state = replace(state, tokens=replace(held, retry_at=at))
    return replace(state, link=link.on_pinged(context))


def _on_failed(state: AgentState, order: Order, fault: Fault, context: StepContext) -> AgentState:
    match order:
        case Ping():
            return replace(state, link=link.on_ping_failed(state.link, fault, context))
        case Test() | Publish() | Withdraw():
            pass
        case _:
            state = _on_call_failed(state, order, fault, context)
    match order:
        case LogIn() | RenewToken() | LookUpToken() | RevokeToken():
            return state
        case _:
            return _one(
                state, order.name, lambda key: keys.absorb_failure(key, order, fault, context)
            )


def _on_call_failed(
    state: AgentState,
    order: VaultKeyOrder | Exchange | TokenOrder,
    fault: Fault,
    context: StepContext,
) -> AgentState:
    """Note what a failed request says about Vault and the token."""
    held = state.tokens
    if isinstance(order, TokenOrder):
        remaining = replacement.least_remaining(state.keys, context)
        held = token_answers.on_failed(held, order, fault, remaining, context)
    if fault.kind is FaultKind.TOKEN_INVALID and not isinstance(order, LogIn):
        held = losses.lose(held, order.token_number, context)
    if isinstance(order, Issue) and fault.unanswered:
        held = losses.abandon(held, order.token_number)
        state = replace(state, abandoned=state.abandoned + 1)
    elif isinstance(order, Issue) and fault.kind in UNSPENT:
        state = budget.refund(state, order.name)
    return replace(state, tokens=held, link=link.on_fault(state.link, fault, context))


def _plan(state: AgentState, resting: Resting, context: StepContext) -> tuple[AgentState, Resting]:
    if state.stopping is not None:
        return stopping.plan(state, state.stopping, context), NONE_RESTING
    planner = Planner(resting, context)
    needed = [key for key in state.keys if _still_needed(key, context)]
    settled = planner.plan(needed, keys.settle)
    minting, mints = budget.grant_mints(settled, state.mints, context)
    planned = planner.plan(minting, renewal.plan)
    state = AgentState(
        keys=planned,
        tokens=tokens.plan(
            state.tokens,
            needs.tokens_in_use(planned),
            context,
            needed=needs.needs_vault(planned, context),
        ),
        link=link.plan(state.link, planned, context),
        mints=mints,
        abandoned=state.abandoned,
    )
    return state, planner.resting(needed, planned)


def _still_needed(key: KeyState, context: StepContext) -> bool:
    """Forget a key that is not configured any more, once it has no lease left."""
    return key.name in context.policy.keys or bool(key.retired)


def _check_now(key: KeyState, context: StepContext) -> KeyState:
    """Look the lease up, and write the files again, because some of them name its end."""
    if key.current is None:
        return key
    if key.current.lease.is_of_vault:
        key = replace(key, watch=replace(key.watch, check_at=context.now))
    return publishing.write(key, context)


def _one(state: AgentState, name: str, change: Callable[[KeyState], KeyState]) -> AgentState:
    return replace(
        state, keys=tuple(change(key) if key.name == name else key for key in state.keys)
    )


def _each(state: AgentState, change: Callable[[KeyState], KeyState]) -> AgentState:
    return replace(state, keys=tuple(change(key) for key in state.keys))
