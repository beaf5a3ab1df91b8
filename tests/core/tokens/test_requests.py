"""Which token request is due, as a function of the tokens that are held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.actions import LogIn, RenewToken, RevokeToken
from freshkey.core.model.policy import Subject
from freshkey.core.model.state import Link
from freshkey.core.model.struct import replace
from freshkey.core.model.token import TokenCall, Tokens
from freshkey.core.tokens.lifecycle import plan

from tests.core.contexts import NOW, at, token
from tests.core.scripts import policy

if TYPE_CHECKING:
    from freshkey.core.model.token import Token

IN_USE = frozenset({1})
SOON = replace(token(), expires_at=NOW + 20)  # its point has come


def test_a_renewal_is_under_way_once_it_is_ordered() -> None:
    context = at()
    tokens = Tokens(replace(SOON, expires_at=NOW + 400, started_at=NOW - 1000), retry_at=NOW)
    after = plan(tokens, IN_USE, context, needed=True)
    assert after == replace(tokens, call=TokenCall.RENEW)
    assert context.actions == [RenewToken(1, SOON.secret, 100.0)]
    assert plan(after, IN_USE, at(), needed=True) == after


@pytest.mark.parametrize(
    ("call", "link"),
    [
        pytest.param(TokenCall.LOOKUP, Link(), id="another request is under way"),
        pytest.param(None, Link(away=True), id="Vault is away"),
    ],
)
def test_what_is_due_waits(call: TokenCall | None, link: Link) -> None:
    context = at(link=link)
    tokens = Tokens(SOON, call=call, changed=True)
    assert plan(tokens, IN_USE, context, needed=True) == tokens
    assert not context.actions


def test_a_token_that_has_ended_is_replaced_even_if_it_could_be_renewed() -> None:
    """Its renewals were put off until then."""
    context = at()
    plan(Tokens(replace(SOON, expires_at=NOW)), IN_USE, context, needed=True)
    assert context.actions == [LogIn(None)]


@pytest.mark.parametrize(
    ("held", "clipped"),
    [
        pytest.param(SOON, True, id="clipped"),
        pytest.param(replace(SOON, renewable=False), False, id="not renewable"),
    ],
)
def test_a_token_that_only_has_leases_to_revoke_is_not_renewed_in_vain(
    held: Token,
    clipped: bool,
) -> None:
    context = at(chosen=policy(subject=Subject.FILE))
    tokens = Tokens(held, clipped=clipped)
    assert plan(tokens, IN_USE, context, needed=True) == tokens
    assert not context.actions


def test_without_a_token_there_is_none_to_look_up() -> None:
    context = at(chosen=policy(subject=Subject.FILE))
    tokens = Tokens(recheck=True)
    assert plan(tokens, frozenset(), context, needed=False) == tokens
    assert not context.actions


def test_the_last_token_is_revoked_once_nothing_needs_it() -> None:
    tokens = Tokens(token(1), (token(2),))
    context = at(chosen=policy(subject=Subject.FILE))
    assert plan(tokens, {2}, context, needed=False) == Tokens(
        retired=(token(2), token(1)), call=TokenCall.REVOKE
    )
    assert context.actions == [RevokeToken(1, token(1).secret)]


def test_the_last_token_stays_while_a_lease_lives_under_it() -> None:
    context = at(chosen=policy(subject=Subject.FILE))
    tokens = Tokens(replace(SOON, renewable=False), (token(2),))
    assert plan(tokens, {1, 2}, context, needed=False) == tokens
    assert not context.actions


@pytest.mark.parametrize(
    ("taken_at", "is_revoked"),
    [
        pytest.param(NOW - 60, False, id="it has ended"),
        pytest.param(NOW - 1, True, id="the machine slept while it was asked for"),
    ],
)
def test_a_token_that_may_live_on_in_vault_is_revoked(taken_at: float, *, is_revoked: bool) -> None:
    """By the request for it, it has ended; by the answer, it may not have."""
    context = at()
    ended = replace(token(2, taken_at=taken_at), renewable=False, expires_at=NOW - 1000, term=60.0)
    fresh = replace(token(3), renewable=False, expires_at=NOW + 1000)
    after = plan(Tokens(fresh, (ended,)), frozenset({3}), context, needed=True)
    assert after.retired == ((ended,) if is_revoked else ())
    assert context.actions == ([RevokeToken(2, ended.secret)] if is_revoked else [])
