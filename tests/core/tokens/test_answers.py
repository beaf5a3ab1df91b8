"""What one answer to a token request changes, to the second and field by field."""

from __future__ import annotations

from math import inf

import pytest
from freshkey.core.model.events import (
    CredentialChanged,
    LoggedIn,
    TokenLookedUp,
    TokenRenewed,
    TokenRevoked,
)
from freshkey.core.model.grants import Login, Renewal, TokenKind
from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import replace
from freshkey.core.model.token import Token, TokenCall, Tokens
from freshkey.core.tokens.answers import absorb

from tests.core.contexts import NOW, at, token, told
from tests.core.tokens.orders import LOG_IN, LOOK_UP, RENEW, REVOKE, TROUBLED


def login(value: str, duration: float | None = 3600.4, *, renewable: bool = True) -> Login:
    return Login(
        *(Secret(value), "accessor-n", TokenKind.SERVICE, duration),
        renewable=renewable,
        owned=True,
        asked_at=NOW - 1,
        request_id="r-1",
    )


def test_a_login_ends_what_was_wrong_before() -> None:
    context = at()
    tokens = replace(TROUBLED, call=TokenCall.LOGIN, clipped=True)
    event = LoggedIn(LOG_IN, login("hvs.4", renewable=False))
    taken = Token(
        *(4, Secret("hvs.4"), "accessor-n", TokenKind.SERVICE, False, 3600.4, NOW - 1),
        *(NOW - 1 + 3600.4, True, context.chance.draw("token", "point"), NOW),
    )
    assert absorb(tokens, event, context) == Tokens(
        current=taken, retired=(token(),), count=4, retry_at=NOW + 1
    )
    fields = {"accessor": "accessor-n", "kind": "service", "expires_in": 3600, "renewable": False}
    assert told(context) == [("token.logged_in", {**fields, "request_id": "r-1"})]


@pytest.mark.parametrize(
    ("granted", "clipped", "retry_at"),
    [
        pytest.param(90.0, False, NOW + 1, id="nine tenths are all"),
        pytest.param(89.9, True, NOW, id="less has no second to lose"),
    ],
)
def test_a_renewal_ends_what_was_wrong_before(
    granted: float,
    clipped: bool,
    retry_at: float,
) -> None:
    context = at()
    tokens = replace(TROUBLED, call=TokenCall.RENEW, refused=True, clipped=not clipped)
    renewal = Renewal(granted, renewable=False, asked_at=NOW - 1, request_id="r-2")
    renewed = replace(token(), started_at=NOW - 1, expires_at=NOW - 1 + granted, renewable=False)
    assert absorb(tokens, TokenRenewed(RENEW, renewal), context) == Tokens(
        current=renewed, count=3, retry_at=retry_at, clipped=clipped, recheck=True
    )
    fields = {"accessor": "accessor-1", "duration": granted, "request_id": "r-2"}
    assert told(context) == [("token.renewed", fields)]


def test_a_lookup_ends_what_was_wrong_before() -> None:
    event = TokenLookedUp(LOOK_UP, login("hvs.1", 30.0, renewable=False))
    assert absorb(replace(TROUBLED, call=TokenCall.LOOKUP), event, at()) == Tokens(
        current=replace(token(), started_at=NOW - 1, expires_at=NOW + 29, renewable=False),
        count=3,
        retry_at=NOW - 5,
    )


def test_an_answer_that_a_machine_slept_through_leaves_the_end_as_it_was_known() -> None:
    """What is due stays due, so Vault is asked again. Maybe it answered a moment ago."""
    context = at()
    known = replace(token(), expires_at=NOW + 80)
    tokens = replace(TROUBLED, current=known)
    left = replace(tokens, trouble=None, failures=0)
    renewed = TokenRenewed(RENEW, Renewal(40.0, renewable=True, asked_at=NOW - 40))
    assert absorb(replace(tokens, call=TokenCall.RENEW), renewed, context) == left
    outdated = replace(login("hvs.1", 40.0), asked_at=NOW - 40)
    looked_up = TokenLookedUp(LOOK_UP, outdated)
    assert absorb(replace(tokens, call=TokenCall.LOOKUP), looked_up, context) == left
    read_again = absorb(replace(tokens, call=TokenCall.LOGIN), LoggedIn(LOG_IN, outdated), context)
    assert read_again.current == known
    assert not told(context)


def test_a_lookup_of_a_token_that_was_lost_is_over() -> None:
    tokens = replace(TROUBLED, current=None, call=TokenCall.LOOKUP)
    event = TokenLookedUp(LOOK_UP, login("hvs.1"))
    assert absorb(tokens, event, at()) == Tokens(count=3, retry_at=NOW - 5)


def test_a_token_that_is_revoked_is_told_of_and_forgotten() -> None:
    context = at()
    tokens = Tokens(
        token(), (token(2), token(3)), call=TokenCall.REVOKE, revoke_failures=2, revoke_at=NOW
    )
    expected = Tokens(token(), (token(3),), revoke_at=NOW)
    assert absorb(tokens, TokenRevoked(REVOKE), context) == expected
    assert told(context) == [("token.revoked", {"accessor": "accessor-2"})]


def test_a_given_token_that_is_read_again_may_be_tried_again() -> None:
    """In a minute. It may be used for a mint, too: there is no other one."""
    tokens = Tokens(replace(token(), abandoned=True), call=TokenCall.LOGIN, clipped=True)
    event = LoggedIn(LOG_IN, login("hvs.1", 99.0))
    same = replace(token(), started_at=NOW - 1, expires_at=NOW + 98)
    expected = Tokens(same, clipped=True, retry_at=NOW + 60)
    assert absorb(tokens, event, at()) == expected
    refused = replace(tokens, refused=True)
    assert absorb(refused, event, at()) == replace(expected, clipped=False, refused=True)
    whole = replace(tokens, clipped=False)
    assert absorb(whole, event, at()) == replace(expected, clipped=False)


@pytest.mark.parametrize(
    ("retry_at", "expected"), [(NOW + 300, NOW + 1), (NOW + 0.5, NOW + 0.5), (-inf, -inf)]
)
def test_a_changed_credential_only_shortens_a_wait(retry_at: float, expected: float) -> None:
    after = absorb(Tokens(retry_at=retry_at), CredentialChanged(), at())
    assert after == Tokens(retry_at=expected, changed=True)
