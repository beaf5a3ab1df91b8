"""The whole agent as one function: `step(policy, state, event, now, chance)`.

One step absorbs one event, then plans: it orders whatever is due, and says when it next wants to
be woken. All keys are stepped together, for they share the token, the mint budget, and the journal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

from freshkey.core import ending, link, publishing, renewal, replacement, token_answers, tokens
from freshkey.core import key as keys
from freshkey.core.actions import (
    Action,
    Issue,
    LogIn,
    LookUpToken,
    Order,
    Ping,
    RenewToken,
    RevokeToken,
)
from freshkey.core.events import (
    ClockJumped,
    CredentialUnwrapped,
    Event,
    Failed,
    LoggedIn,
    Pinged,
    Reported,
    RotateRequested,
    Started,
    StopRequested,
    TokenLookedUp,
    TokenRenewed,
    TokenRevoked,
    Woke,
)
from freshkey.core.faults import UNSPENT, Fault, FaultKind
from freshkey.core.state import AgentState, KeyState, Minting, Testing, Wanted
from freshkey.core.timing import MINUTE, good_until
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
    match event:
        case Started():
            return _each(state, lambda key: publishing.write(key, turn))
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
        case CredentialUnwrapped() | LoggedIn() | TokenRenewed() | TokenLookedUp() | TokenRevoked():
            return replace(state, tokens=token_answers.absorb(state.tokens, event, turn))
        case Pinged():
            return _on_pinged(state, turn)
        case Failed(order=order, fault=fault):
            return _on_failed(state, order, fault, turn)
        case _:
            return _one(state, event.order.name, lambda key: keys.absorb(key, event, turn))


def _on_pinged(state: AgentState, turn: Turn) -> AgentState:
    state = _each(state, lambda key: link.hasten_key(key, turn))
    held = state.tokens
    if held.fault is not None:
        at = link.hasten(held.retry_at, held.failed_at, held.fault, turn)
        state = replace(state, tokens=replace(held, retry_at=at))
    return replace(state, link=link.on_pinged(state.link, turn))


def _on_failed(state: AgentState, order: Order, fault: Fault, turn: Turn) -> AgentState:
    match order:
        case Ping():
            return replace(state, link=link.on_ping_failed(state.link, fault, turn))
        case LogIn() | RenewToken() | LookUpToken() | RevokeToken():
            held = token_answers.on_failed(state.tokens, order, fault, turn)
        case _:
            held = state.tokens
    if fault.kind is FaultKind.TOKEN_INVALID and not isinstance(order, LogIn | RevokeToken):
        held = token_answers.lose(held, _token_number(order), turn)
    if isinstance(order, Issue) and fault.unanswered:
        held = token_answers.abandon(held, order.token_number)
    if isinstance(order, Issue) and fault.kind in UNSPENT and not fault.unanswered:
        state = replace(state, mints=state.mints[:-1])
    turn.tokens = held
    state = replace(state, tokens=held, link=link.on_fault(state.link, fault, turn))
    match order:
        case LogIn() | RenewToken() | LookUpToken() | RevokeToken():
            return state
        case _:
            return _one(state, order.name, lambda key: keys.absorb_failure(key, order, fault, turn))


def _plan(state: AgentState, turn: Turn) -> AgentState:
    if state.stopping is not None:
        return ending.plan(state, state.stopping, turn)
    state = _each(_without_removed(state, turn), lambda key: keys.settle(key, turn))
    state = _grant_mints(state, turn)
    state = _each(state, lambda key: renewal.plan(key, turn))
    state = replace(state, link=link.plan(state.link, state.keys, turn))
    return replace(state, tokens=tokens.plan(state.tokens, _tokens_in_use(state), turn))


def _without_removed(state: AgentState, turn: Turn) -> AgentState:
    """Forget keys that are not configured any more, once no lease of theirs is left."""
    kept = tuple(key for key in state.keys if key.name in turn.policy.keys or key.retired)
    return replace(state, keys=kept)


def _grant_mints(state: AgentState, turn: Turn) -> AgentState:
    """Let keys mint within the budget, those nearest to their end first."""
    token = tokens.mintable(state.tokens)
    waiting = [k for k in state.keys if isinstance(k.cycle, Wanted) and k.call is None]
    if token is None or state.link.away or not waiting:
        return state
    budget = turn.policy.max_mints_per_minute
    mints = tuple(at for at in state.mints if turn.now < at + MINUTE)
    room = max(0, budget - len(mints)) if budget else len(waiting)
    if room < len(waiting) and mints:
        turn.due(mints[0] + MINUTE)
    chosen = {key.name for key in sorted(waiting, key=lambda key: _end(key, turn))[:room]}
    minting = tuple(
        replacement.mint(key, token, turn) if key.name in chosen else key for key in state.keys
    )
    return replace(state, keys=minting, mints=mints + (turn.now,) * len(chosen))


def _end(key: KeyState, turn: Turn) -> float:
    return -inf if key.current is None else good_until(key.current.lease, turn.tokens)


def _check_now(key: KeyState, turn: Turn) -> KeyState:
    """Look the lease up; the files are written again, for some of them name its end."""
    if key.current is None:
        return key
    key = replace(key, watch=replace(key.watch, check_at=turn.now))
    return publishing.write(key, turn)


def _tokens_in_use(state: AgentState) -> frozenset[int]:
    """Tokens that have a lease in use under them: published, tested, in its overlap, or minted."""
    used = set()
    for key in state.keys:
        if key.current is not None:
            used.add(key.current.lease.token)
        match key.cycle:
            case Testing(candidate=candidate):
                used.add(candidate.lease.token)
            case Minting(token=number):
                used.add(number)
            case _:
                pass
        used.update(entry.lease.token for entry in key.retired if not entry.failures)
    return frozenset(used)


def _token_number(order: Order) -> int:
    number = getattr(order, "token_number", 0)
    return number if isinstance(number, int) else 0


def _one(state: AgentState, name: str, change: Callable[[KeyState], KeyState]) -> AgentState:
    return replace(
        state, keys=tuple(change(key) if key.name == name else key for key in state.keys)
    )


def _each(state: AgentState, change: Callable[[KeyState], KeyState]) -> AgentState:
    return replace(state, keys=tuple(change(key) for key in state.keys))
