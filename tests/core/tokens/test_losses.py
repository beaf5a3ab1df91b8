"""What the loss of a token changes, and a mint without an answer, field by field."""

from __future__ import annotations

import pytest
from freshkey.core.model.faults import Operation, Trouble
from freshkey.core.model.struct import replace
from freshkey.core.model.token import Tokens
from freshkey.core.tokens.losses import abandon, lose

from tests.core.contexts import NOW, at, token, told
from tests.core.tokens.orders import INVALID_TOKEN, TROUBLED


def test_a_lost_token_is_replaced_at_once() -> None:
    """It was in use for a minute, so that it repeats no loss."""
    context = at()
    tokens = replace(TROUBLED, current=token(taken_at=NOW - 60), retired=(token(2),), losses=4)
    tokens = replace(tokens, clipped=True)
    assert lose(tokens, 1, context) == replace(
        tokens,
        current=None,
        retired=(token(2), token(taken_at=NOW - 60, lost_at=NOW)),
        losses=1,
        retry_at=NOW,
        clipped=False,
        trouble=Trouble(Operation.LOOK_UP_TOKEN, INVALID_TOKEN, NOW),
    )
    assert told(context) == [("token.lost", {"accessor": "accessor-1"})]


@pytest.mark.parametrize(("losses", "longest"), [(1, 1), (2, 2), (3, 4), (5, 16)])
def test_tokens_that_are_lost_as_soon_as_taken_cost_longer_and_longer_waits(
    losses: int, longest: float
) -> None:
    context = at()
    after = lose(Tokens(token(taken_at=NOW - 59.9), losses=losses), 1, context)
    assert after.losses == losses + 1
    assert after.retry_at == NOW + longest * context.chance.draw("token", "lost")


def test_of_the_retired_tokens_the_lost_one_is_marked_once() -> None:
    tokens = Tokens(token(), (token(2), token(3), token(4, lost_at=NOW - 9)))
    assert lose(tokens, 2, at()) == replace(
        tokens, retired=(token(2, lost_at=NOW), *tokens.retired[1:])
    )
    assert lose(tokens, 4, at()) == tokens


@pytest.mark.parametrize(
    "tokens",
    [
        pytest.param(Tokens(), id="no token"),
        pytest.param(Tokens(token(2)), id="another token"),
        pytest.param(Tokens(replace(token(), owned=False)), id="one that is not the agent's"),
    ],
)
def test_a_mint_without_an_answer_changes_no_other_token(tokens: Tokens) -> None:
    assert abandon(tokens, 1) == tokens
