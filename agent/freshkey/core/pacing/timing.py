"""When a lease is renewed or replaced, and how long a key is good.

Instants are seconds on the lease clock, durations are seconds.
"""

from __future__ import annotations

from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING, Final

from freshkey.core.model.state import Reason
from freshkey.core.model.struct import Struct

if TYPE_CHECKING:
    from freshkey.core.model.grants import Login, Renewal
    from freshkey.core.model.policy import AgentPolicy, KeyPolicy
    from freshkey.core.model.state import Lease
    from freshkey.core.model.token import Token, Tokens

MARGIN: Final = 5.0  # for the mint itself, and for clocks that differ a little
MINUTE: Final = 60.0
TOKEN_RENEW_AT: Final = 0.67
TOKEN_JITTER: Final = 0.2
FULL_GRANT: Final = 0.9  # a renewal that grants less than this share says that the maximum is near
LEAST_LIFE: Final = 1.0  # even a lease or token of no length is kept this long: no spin
SLEPT: Final = 30.0  # nothing is late by so many seconds, unless the machine slept
_BOUND_SLACK: Final = 2.0
_BOUND_SHARE: Final = 0.1
_REFRESH_JITTER: Final = 0.1  # many agents must not read at the same instant


def find(tokens: Tokens, number: int) -> Token | None:
    """Return the token with this number, if the agent still knows it."""
    if tokens.current is not None and tokens.current.number == number:
        return tokens.current
    return next((token for token in tokens.retired if token.number == number), None)


def good_until(lease: Lease, tokens: Tokens) -> float:
    """A lease ends with its own term, with its token, or when Vault no longer knows it.

    Source: https://developer.hashicorp.com/vault/docs/concepts/lease, "Token leases".
    """
    if not lease.is_of_vault:
        return lease.expires_at
    token = find(tokens, lease.token)
    token_end = token.good_until if token is not None else -inf
    return min(lease.expires_at, lease.gone_at, token_end)


def is_outdated(answer: Renewal | Login, known: float, now: float) -> bool:
    """Whether the machine slept so long that what an answer grants, from the request on, is over.

    Whether Vault gave it before or after, nobody can tell. What is asked about was `known` to end
    later: that has to do until Vault is asked again.
    """
    duration = inf if answer.duration is None else answer.duration
    return now > answer.asked_at + SLEPT and answer.asked_at + duration <= now < known


def renewal_time(lease: Lease, policy: KeyPolicy) -> float:
    """The instant at which a lease is renewed or replaced.

    It lies in [renew_at - jitter, renew_at] of the lifetime, leaves time for the overlap and the
    test of the next key, and is never before half the lifetime. A secret without a lease is read
    again at that time.
    """
    if lease.static:
        pause = policy.refresh * (1 - _REFRESH_JITTER * lease.draw)
        return lease.started_at + max(pause, LEAST_LIFE)
    lifetime = lease.expires_at - lease.started_at
    drawn = lease.started_at + lifetime * (policy.renew_at - policy.jitter * lease.draw)
    latest = lease.expires_at - policy.overlap - policy.activation_timeout - MARGIN
    return max(min(drawn, latest), lease.started_at + max(lifetime / 2, LEAST_LIFE))


def check_time(now: float, every: float, draw: float) -> float:
    """The instant of the next lookup: `every`, give or take a fifth; never, if that is 0."""
    return now + every * (0.8 + 0.4 * draw) if every else inf


class LeaseAction(StrEnum):
    """What is done with a lease at its renewal time."""

    RENEW = "renew"
    REPLACE = "replace"
    REFRESH = "refresh"


class NextAction(Struct, frozen=True):
    """What comes next for a lease, and when."""

    at: float
    action: LeaseAction
    reason: Reason = Reason.DUE


def bounded_by_token(lease: Lease, token: Token, *, clipped: bool) -> bool:
    """Whether a new lease under the same token would hardly live longer than this one.

    The end of a token that was renewed under this lease, and will be again, bounds nothing.
    """
    if token.renewable and not clipped and token.started_at > lease.started_at:
        return False
    slack = max(_BOUND_SLACK, _BOUND_SHARE * lease.term)
    return token.expires_at <= lease.expires_at + slack


def next_for(lease: Lease, policy: KeyPolicy, tokens: Tokens, lead: float) -> NextAction:
    """What comes next for the lease of a published key; `lead` is what `token_lead` says."""
    if lease.static:
        return NextAction(renewal_time(lease, policy), LeaseAction.REFRESH)
    if lease.exchanged:
        return NextAction(renewal_time(lease, policy), LeaseAction.REPLACE)
    if lease.gone_at < inf:
        return NextAction(-inf, LeaseAction.REPLACE, Reason.REVOKED)
    token = find(tokens, lease.token)
    if token is None or token.lost_at < inf:
        return NextAction(-inf, LeaseAction.REPLACE, Reason.TOKEN)
    due = renewal_time(lease, policy)
    if token is not tokens.current:
        # Whoever replaced a token that is theirs may end it at any moment.
        move = token.expires_at - lead if token.owned else -inf
        return NextAction(
            min(due, move), LeaseAction.REPLACE, Reason.DUE if due <= move else Reason.TOKEN
        )
    if bounded_by_token(lease, token, clipped=tokens.clipped):
        return NextAction(inf, LeaseAction.REPLACE, Reason.TOKEN)
    return NextAction(due, LeaseAction.RENEW if lease.renewable else LeaseAction.REPLACE)


def token_lead(policy: AgentPolicy) -> float:
    """How long before its token's end every key can be moved to another token.

    Access tokens of OpenAI's have no token of Vault behind them, and stay.
    """
    moved = [key for key in policy.keys.values() if key.subject is None]
    slowest = max((key.overlap + key.activation_timeout for key in moved), default=0.0)
    budget = policy.max_mints_per_minute
    moving = MINUTE * len(moved) / budget if budget else 0.0
    return slowest + moving + MARGIN


def token_point(token: Token, lead: float) -> float:
    """The instant at which a token is renewed, or replaced when it can't be.

    It leaves time to move every key if the renewal is clipped. It is `inf` without an end.
    """
    lifetime = token.expires_at - token.started_at
    drawn = token.started_at + lifetime * (TOKEN_RENEW_AT - TOKEN_JITTER * token.draw)
    return max(min(drawn, token.expires_at - lead), token.started_at + lifetime / 2)
