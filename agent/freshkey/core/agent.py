"""The whole agent as one function: `step(policy, state, event, now, chance)`.

One step absorbs one event, then plans: it orders whatever is due, and says when it next wants to
be woken. All keys are stepped together, for they share the token, the mint budget, and the journal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from freshkey.core import (
    budget,
    ending,
    link,
    publishing,
    renewal,
    token_answers,
    tokens,
)
from freshkey.core import key as keys
from freshkey.core.actions import (
    Action,
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
from freshkey.core.events import (
    ClockJumped,
    Event,
    Failed,
    Pinged,
    Reported,
    RotateRequested,
    Started,
    StopRequested,
    TokenEvent,
    Woke,
)
from freshkey.core.faults import UNSPENT, Fault, FaultKind
from freshkey.core.state import (
    AgentState,
    BackingOff,
    Idle,
    KeyState,
    Minting,
    Refreshing,
    Testing,
    Wanted,
)
from freshkey.core.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.core.chance import Chance
    from freshkey.core.policy import AgentPolicy


@dataclass(frozen=True, slots=True)
class Step:
    """What a step comes to. `wake_at` is the next deadline; `finished` ends the agent."""

    state: AgentState
    actions: tuple[Action, ...]
    wake_at: float
    finished: bool


def step(policy: AgentPolicy, state: AgentState, event: Event, now: float, chance: Chance) -> Step:
    """Absorb an event, and order what is due at `now` (seconds on the lease clock).

    The new state belongs in the journal before the actions are performed.
    """
    turn = Turn(now, chance, policy, state.tokens, state.link, state.stopping)
    state = _absorb(state, event, turn)
    turn.tokens, turn.link, turn.stopping = state.tokens, state.link, state.stopping
    state = _plan(state, turn)
    finished = ending.finished(state, turn)
    return Step(state, tuple(turn.actions), turn.wake_at, finished)


def _absorb(state: AgentState, event: Event, turn: Turn) -> AgentState:
    if isinstance(event, TokenEvent):
        return replace(state, tokens=token_answers.absorb(state.tokens, event, turn))
    match event:
        case Started():
            return _each(state, lambda key: publishing.restore(key, turn))
        case Woke():
            return state
        case ClockJumped():
            turn.tell("clock.jumped")
            checked = _each(state, lambda key: _check_now(key, turn))
            return replace(checked, tokens=replace(state.tokens, recheck=True))
        case StopRequested():
            return ending.begin(state, turn)
        case RotateRequested(name=name) | Reported(name=name):
            return _one(state, name, lambda key: keys.request(key, event, turn))
        case Pinged():
            return _on_pinged(state, turn)
        case Failed(order=order, fault=fault):
            return _on_failed(state, order, fault, turn)
        case _:
            state = budget.recount(state, event, turn)
            return _one(state, event.order.name, lambda key: keys.absorb(key, event, turn))


def _on_pinged(state: AgentState, turn: Turn) -> AgentState:
    state = _each(state, lambda key: link.hasten_key(key, turn))
    held = state.tokens
    if held.trouble is not None:
        at = link.hasten(held.retry_at, held.trouble.at, held.failures, held.trouble.fault, turn)
        state = replace(state, tokens=replace(held, retry_at=at))
    return replace(state, link=link.on_pinged(state.link, turn))


def _on_failed(state: AgentState, order: Order, fault: Fault, turn: Turn) -> AgentState:
    match order:
        case Ping():
            return replace(state, link=link.on_ping_failed(state.link, fault, turn))
        case Test() | Publish() | Withdraw():
            pass
        case _:
            state = _on_call_failed(state, order, fault, turn)
    match order:
        case LogIn() | RenewToken() | LookUpToken() | RevokeToken():
            return state
        case _:
            return _one(state, order.name, lambda key: keys.absorb_failure(key, order, fault, turn))


def _on_call_failed(
    state: AgentState, order: VaultKeyOrder | TokenOrder, fault: Fault, turn: Turn
) -> AgentState:
    """Note what a failed request says of Vault and of the token."""
    held = state.tokens
    if isinstance(order, TokenOrder):
        held = token_answers.on_failed(held, order, fault, turn)
    if fault.kind is FaultKind.TOKEN_INVALID and not isinstance(order, LogIn | RevokeToken):
        held = token_answers.lose(held, order.token_number, turn)
    if isinstance(order, Issue) and fault.unanswered:
        held = token_answers.abandon(held, order.token_number)
        state = replace(state, abandoned=state.abandoned + 1)
    elif isinstance(order, Issue) and fault.kind in UNSPENT:
        state = budget.refund(state, order.name)
    turn.tokens = held
    return replace(state, tokens=held, link=link.on_fault(state.link, fault, turn))


def _plan(state: AgentState, turn: Turn) -> AgentState:
    if state.stopping is not None:
        return ending.plan(state, state.stopping, turn)
    settled = tuple(keys.settle(key, turn) for key in state.keys if _kept(key, turn))
    minting, mints = budget.grant_mints(settled, state.mints, turn)
    planned = tuple(renewal.plan(key, turn) for key in minting)
    return AgentState(
        keys=planned,
        tokens=tokens.plan(state.tokens, _tokens_in_use(planned), turn),
        link=link.plan(state.link, planned, turn),
        mints=mints,
        abandoned=state.abandoned,
    )


def _kept(key: KeyState, turn: Turn) -> bool:
    """A key that is not configured any more is forgotten once no lease of it is left."""
    return key.name in turn.policy.keys or bool(key.retired)


def _check_now(key: KeyState, turn: Turn) -> KeyState:
    """Look the lease up; the files are written again, for some of them name its end."""
    if key.current is None:
        return key
    if not key.current.lease.static:
        key = replace(key, watch=replace(key.watch, check_at=turn.now))
    return publishing.write(key, turn)


def _tokens_in_use(held: tuple[KeyState, ...]) -> frozenset[int]:
    """Tokens that have a lease in use under them: published, tested, in its overlap, or minted."""
    used = set()
    for key in held:
        if key.current is not None:
            used.add(key.current.lease.token)
        match key.cycle:
            case Testing(candidate=candidate):
                used.add(candidate.lease.token)
            case Minting(token=number):
                used.add(number)
            case Idle() | Wanted() | Refreshing() | BackingOff():
                pass
            case _:
                assert_never(key.cycle)
        used.update(entry.lease.token for entry in key.retired if not entry.failures)
    return frozenset(used)


def _one(state: AgentState, name: str, change: Callable[[KeyState], KeyState]) -> AgentState:
    return replace(
        state, keys=tuple(change(key) if key.name == name else key for key in state.keys)
    )


def _each(state: AgentState, change: Callable[[KeyState], KeyState]) -> AgentState:
    return replace(state, keys=tuple(change(key) for key in state.keys))
