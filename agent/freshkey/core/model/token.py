"""What the agent knows of its Vault tokens, immutable. Instants are on the lease clock."""

from __future__ import annotations

from enum import StrEnum
from math import inf

from freshkey.core.model.faults import Trouble
from freshkey.core.model.grants import TokenKind, Unwrapped
from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import Struct


class Token(Struct, frozen=True):
    """A Vault token. `expires_at` is `inf` for one without an end; `term` is its first duration.

    `number` counts the tokens since the journal began and is what leases refer to. `owned`: the
    agent logged in for it, and so revokes it. `abandoned`: a lease of unknown id may live under it.
    """

    number: int
    secret: Secret
    accessor: str
    kind: TokenKind
    renewable: bool
    term: float
    started_at: float
    expires_at: float
    owned: bool
    draw: float
    taken_at: float = -inf  # when the agent got it: its request was sent earlier
    abandoned: bool = False
    lost_at: float = inf  # Vault calls it invalid: it is gone, and its leases with it

    @property
    def good_until(self) -> float:
        """When it ends, or ended."""
        return min(self.expires_at, self.lost_at)

    @property
    def last_end(self) -> float:
        """When it has ended for certain: the answer to a last renewal may have been lost.

        The login may have waited for Vault, or slept, so its term may begin as late as its answer.
        """
        ends = max(self.expires_at, self.taken_at + self.term)
        return ends + (self.term if self.renewable else 0.0)

    @property
    def revocable(self) -> bool:
        """Whether the agent may and can revoke it; batch tokens can't be."""
        return self.owned and self.kind is TokenKind.SERVICE and self.lost_at == inf


class TokenCall(StrEnum):
    """The token request that is under way."""

    LOGIN = "login"
    RENEW = "renew_token"
    LOOKUP = "look_up_token"
    REVOKE = "revoke_token"


class Tokens(Struct, frozen=True):
    """The token in use, and those that still have leases under them."""

    current: Token | None = None
    retired: tuple[Token, ...] = ()
    count: int = 0
    call: TokenCall | None = None
    retry_at: float = -inf
    failures: int = 0
    losses: int = 0  # tokens that Vault called invalid, in a row: each soon after its login
    clipped: bool = False  # the current token can't be renewed any further
    changed: bool = False  # the credential is another than the one that gave the current token
    refused: bool = False  # Vault would not renew a token at all, which was told of
    recheck: bool = False  # its terms are doubtful: the clock jumped, or the machine restarted
    revoke_at: float = -inf
    revoke_failures: int = 0
    unwrapped: Unwrapped | None = None
    trouble: Trouble | None = None
