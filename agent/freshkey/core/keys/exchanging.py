"""Access tokens of OpenAI's, for which an identity token of this workload is exchanged.

An exchange leaves nothing behind: it waits for no mint budget, nothing of it is journalled, and
there is nothing to revoke. A token can't be looked up at Vault either: it lives to its end.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from freshkey.core.keys.renewal import act_on_report, clear_trouble
from freshkey.core.keys.replacement import back_off, granted, try_out
from freshkey.core.keys.revocation import leave
from freshkey.core.model.actions import Exchange, Level
from freshkey.core.model.faults import Fault, FaultKind, Operation, Trouble
from freshkey.core.model.policy import Subject
from freshkey.core.model.state import (
    NO_TOKEN,
    Call,
    Exchanging,
    Idle,
    Reason,
    Wanted,
)
from freshkey.core.model.struct import replace
from freshkey.core.pacing.backoff import BASE, SLOW_BASE

if TYPE_CHECKING:
    from freshkey.core.model.grants import Grant
    from freshkey.core.model.state import Credential, KeyState, Lease
    from freshkey.core.pacing.context import StepContext

_LEAST_GAIN = 0.1  # of a token's life: one that lives on for less is no replacement
_NO_GAIN = Fault(
    FaultKind.FORBIDDEN,
    "an access token ends with its identity token, so the one in use stays: renew that",
)
_SAME = Fault(FaultKind.REFUSED, "OpenAI gave the access token again that is to be replaced")


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
    if current is not None and not context.due(current.lease.started_at + BASE):
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
    current = key.current
    again = current is not None and given.secret == current.secret
    if not isinstance(key.cycle, Exchanging):
        return key if again else _pass_by(key, given, context)
    reason = key.cycle.reason
    if current is not None and reason is Reason.DUE and _is_no_gain(current, given.lease):
        key = key if again else _pass_by(key, given, context)
        return _wait(key, current, reason, _NO_GAIN, context)
    if current is None or not again:
        return try_out(key, given, reason, context)
    # It may end later now; that is no other generation.
    current = replace(current, lease=replace(given.lease, names=current.lease.names))
    key = replace(key, current=current, outdated=False)
    if key.watch.refusals or key.compromised or reason is Reason.REQUESTED:
        return _wait(key, current, reason, _SAME, context)
    return clear_trouble(replace(key, cycle=Idle(), failures=0))


def _pass_by(key: KeyState, given: Credential, context: StepContext) -> KeyState:
    """A token that is not used lives on all the same."""
    leave(key, given.lease, context, Level.INFO)
    return key


def _is_no_gain(current: Credential, lease: Lease) -> bool:
    """Whether a new token ends with the published one, as both end with the identity token."""
    gain = lease.expires_at - current.lease.expires_at
    return current.lease.exchanged and gain <= _LEAST_GAIN * lease.term


def _wait(
    key: KeyState, current: Credential, reason: Reason, fault: Fault, context: StepContext
) -> KeyState:
    """Try again before the published token ends: the next answer may be another."""
    trouble = Trouble(Operation.EXCHANGE, fault, context.now)
    left = current.lease.expires_at - context.now
    in_time = max(left / 2, SLOW_BASE) if left > 0 else inf
    return back_off(key, reason, trouble, context, at_most=in_time)
