"""Access tokens of OpenAI's, for which an identity token of this workload is exchanged.

An exchange leaves nothing behind: it waits for no mint budget, nothing of it is journalled, and
there is nothing to revoke. A token can't be looked up at Vault either: it lives to its end.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from freshkey.core.keys.renewal import act_on_report
from freshkey.core.keys.replacement import granted, try_out
from freshkey.core.model.actions import Exchange
from freshkey.core.model.policy import Subject
from freshkey.core.model.state import (
    NO_TOKEN,
    Call,
    Exchanging,
    Wanted,
)
from freshkey.core.model.struct import replace
from freshkey.core.pacing.backoff import BASE

if TYPE_CHECKING:
    from freshkey.core.model.grants import Grant
    from freshkey.core.model.state import KeyState
    from freshkey.core.pacing.context import StepContext


def is_federated(key: KeyState, context: StepContext) -> bool:
    """Whether the next key comes from an exchange."""
    return context.of(key).subject is not None


def plan(key: KeyState, context: StepContext) -> KeyState:
    """Order the exchange that is wanted; `check_at` is when a report is to be looked into."""
    current = key.current
    if current is not None and current.lease.exchanged and context.due(key.watch.check_at):
        # Neither OpenAI nor Vault can tell: the reader has to be believed, now and then.
        key = act_on_report(replace(key, watch=replace(key.watch, check_at=inf)), context)
    if not isinstance(key.cycle, Wanted) or key.call is not None:
        return key
    # However short a token lives, the next one is asked for a second later.
    if (
        current is not None
        and current.lease.exchanged
        and not context.due(current.lease.started_at + BASE)
    ):
        return key
    match context.of(key).subject:
        case Subject.FILE:
            context.do(Exchange(key.name, NO_TOKEN, None))
        case Subject.VAULT if context.tokens.current is not None and not context.link.away:
            token = context.tokens.current
            context.do(Exchange(key.name, token.number, token.secret))
        case _:
            return key
    return replace(key, cycle=Exchanging(key.cycle.reason), call=Call.EXCHANGE)


def on_exchanged(key: KeyState, grant: Grant, context: StepContext) -> KeyState:
    """OpenAI gave a token: it is tried like a minted key."""
    given = granted(key, grant, grant.secret.fingerprint, NO_TOKEN, context)
    context.audit(
        "key.exchanged",
        key.name,
        given.lease,
        duration=grant.duration,
        expires_at=given.lease.expires_at,
        request_id=grant.request_id,
    )
    if not isinstance(key.cycle, Exchanging):
        return key
    return try_out(key, given, key.cycle.reason, context)
