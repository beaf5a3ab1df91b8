"""What becomes of a token that Vault calls invalid, or under which a mint got no answer."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from freshkey.core.model.actions import Level
from freshkey.core.model.faults import Fault, FaultKind, Operation, Trouble
from freshkey.core.model.struct import replace
from freshkey.core.pacing.backoff import delay

if TYPE_CHECKING:
    from freshkey.core.model.token import Tokens
    from freshkey.core.pacing.context import StepContext

_SETTLED = 60.0  # a token that Vault calls invalid sooner than this may repeat a loss


def lose(tokens: Tokens, number: int, context: StepContext) -> Tokens:
    """Vault calls a token invalid: log in again at once; if that repeats, after a wait."""
    token = tokens.current
    if token is None or token.number != number:
        lost = (
            replace(t, lost_at=context.now) if t.number == number and t.lost_at == inf else t
            for t in tokens.retired
        )
        return replace(tokens, retired=tuple(lost))
    context.tell("token.lost", Level.WARNING, accessor=token.accessor)
    losses = tokens.losses + 1 if context.now < token.taken_at + _SETTLED else 1
    invalid = Fault(FaultKind.TOKEN_INVALID, "Vault calls the token invalid")
    draw = context.chance.draw("token", "lost")
    wait = delay(invalid, losses - 1, draw, remaining=0.0) if losses > 1 else 0.0
    return replace(
        tokens,
        current=None,
        retired=(*tokens.retired, replace(token, lost_at=context.now)),
        losses=losses,
        retry_at=context.now + wait,
        clipped=False,
        trouble=Trouble(Operation.LOOK_UP_TOKEN, invalid, context.now),
    )


def abandon(tokens: Tokens, number: int) -> Tokens:
    """A mint under this token got no answer: the next one is made under another token."""
    current = tokens.current
    if current is None or current.number != number or not current.revocable:
        return tokens
    return replace(tokens, current=replace(current, abandoned=True))
