"""What one failed token request changes, to the second and field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.faults import Operation, Trouble
from freshkey.core.model.struct import replace
from freshkey.core.model.token import TokenCall, Tokens
from freshkey.core.tokens.answers import on_failed

from tests.core.contexts import NOW, at, token, told
from tests.core.scripts import AWAY, FORBIDDEN, THROTTLED
from tests.core.tokens.orders import INVALID_TOKEN, LOG_IN, LOOK_UP, RENEW, REVOKE

if TYPE_CHECKING:
    from freshkey.core.model.actions import TokenOrder


@pytest.mark.parametrize(
    ("order", "event", "operation"),
    [
        (LOG_IN, "token.login_failed", Operation.LOG_IN),
        (RENEW, "token.renewal_failed", Operation.RENEW_TOKEN),
        (LOOK_UP, "token.lookup_failed", Operation.LOOK_UP_TOKEN),
    ],
)
def test_a_failure_is_told_of_and_costs_a_wait(
    order: TokenOrder, event: str, operation: Operation
) -> None:
    """There is no key's end for which it would have to be a short one."""
    context = at()
    tokens = Tokens(token(), call=TokenCall.LOGIN, failures=4, changed=True, clipped=True)
    tokens = replace(tokens, refused=True, recheck=True)
    wait = 16 * context.chance.draw("token", "backoff")
    assert wait > 2
    assert on_failed(tokens, order, AWAY, 0.0, context) == replace(
        tokens,
        call=None,
        failures=5,
        retry_at=NOW + wait,
        trouble=Trouble(operation, AWAY, NOW),
    )
    fields = {"fault": "unreachable", "message": AWAY.message, "retry_in": round(wait, 1)}
    assert told(context) == [(event, fields)]


def test_a_refused_renewal_costs_no_wait_and_is_told_of_once() -> None:
    """A login takes its place."""
    context = at()
    after = on_failed(Tokens(token(), call=TokenCall.RENEW), RENEW, FORBIDDEN, 0.0, context)
    trouble = Trouble(Operation.RENEW_TOKEN, FORBIDDEN, NOW)
    assert after == Tokens(
        token(), failures=1, retry_at=NOW, trouble=trouble, clipped=True, refused=True
    )
    on_failed(after, RENEW, FORBIDDEN, 0.0, context)
    assert len(told(context)) == 1
    on_failed(after, RENEW, THROTTLED, 0.0, context)
    assert len(told(context)) == 2, "which is other news"


def test_a_failed_revocation_is_told_of_and_costs_a_wait_of_its_own() -> None:
    context = at()
    tokens = Tokens(token(), (token(2),), call=TokenCall.REVOKE, revoke_failures=4)
    wait = 16 * context.chance.draw("token", "revoke")
    assert wait > 2
    assert on_failed(tokens, REVOKE, AWAY, 0.0, context) == replace(
        tokens, call=None, revoke_at=NOW + wait, revoke_failures=5
    )
    fields = {"fault": "unreachable", "message": AWAY.message, "retry_in": round(wait, 1)}
    assert told(context) == [("token.revocation_failed", fields)]


def test_a_token_that_is_invalid_needs_no_revocation() -> None:
    context = at()
    tokens = Tokens(token(), (token(2),), call=TokenCall.REVOKE, revoke_failures=4)
    after = on_failed(tokens, REVOKE, INVALID_TOKEN, 0.0, context)
    assert after == Tokens(token())
    assert told(context) == [("token.revoked", {"accessor": "accessor-2"})]
