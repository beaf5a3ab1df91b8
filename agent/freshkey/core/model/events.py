"""What has happened. An answer carries the order that it answers."""

from __future__ import annotations

from freshkey.core.model.actions import (
    Exchange,
    Issue,
    LogIn,
    LookUp,
    LookUpToken,
    Order,
    Ping,
    Publish,
    Refresh,
    Renew,
    RenewToken,
    Revoke,
    RevokeToken,
    Test,
    Withdraw,
)
from freshkey.core.model.faults import Fault
from freshkey.core.model.grants import Grant, Login, Renewal, Unwrapped
from freshkey.core.model.struct import Struct
from freshkey.core.model.verdict import Finding


class Started(Struct, frozen=True):
    """The agent began with what its journal held."""


class Woke(Struct, frozen=True):
    """A deadline may have passed."""


class ClockJumped(Struct, frozen=True):
    """The wall clock moved against the lease clock: the machine may have been paused."""


class StopRequested(Struct, frozen=True):
    """The agent is asked to end, or to pause, until it goes on under another configuration."""

    to_reload: bool = False


class RotateRequested(Struct, frozen=True):
    """Somebody with the right to do so wants a new key.

    `compromised` leaves the old one no overlap, `now` withdraws and revokes it first.
    """

    name: str
    compromised: bool = False
    now: bool = False


class Reported(Struct, frozen=True):
    """A reader says that OpenAI refused the key with this tag."""

    name: str
    tag: str


class FilesChanged(Struct, frozen=True):
    """Somebody else removed or changed a file of this key, or put one where there is to be none."""

    name: str


class CredentialChanged(Struct, frozen=True):
    """The credential of the login has changed: it is used from now on."""


class CredentialUnwrapped(Struct, frozen=True):
    """A secret-id was unwrapped: it is kept, because its wrapping is spent."""

    unwrapped: Unwrapped


class Issued(Struct, frozen=True):
    """Vault minted a key, or, where the path gives no lease, read the one that it keeps."""

    order: Issue
    grant: Grant


class Refreshed(Struct, frozen=True):
    """Vault told what it keeps now."""

    order: Refresh
    grant: Grant


class Exchanged(Struct, frozen=True):
    """OpenAI gave an access token."""

    order: Exchange
    grant: Grant


class Renewed(Struct, frozen=True):
    """Vault renewed a lease."""

    order: Renew
    renewal: Renewal


class LookedUp(Struct, frozen=True):
    """Vault knows the lease (`remaining`), or does not any more (None)."""

    order: LookUp
    remaining: Renewal | None


class Revoked(Struct, frozen=True):
    """Vault took a revocation over; its audit log shows the correlation id of the request."""

    order: Revoke
    correlation_id: str | None = None


class Tested(Struct, frozen=True):
    """OpenAI was asked about a key."""

    order: Test
    finding: Finding


class Published(Struct, frozen=True):
    """Files were written, except those that `faults` names."""

    order: Publish
    faults: tuple[Fault, ...] = ()


class Withdrawn(Struct, frozen=True):
    """Files were removed, except those that `faults` names."""

    order: Withdraw
    faults: tuple[Fault, ...] = ()


class LoggedIn(Struct, frozen=True):
    """Vault gave a token."""

    order: LogIn
    login: Login


class TokenRenewed(Struct, frozen=True):
    """Vault renewed the token."""

    order: RenewToken
    renewal: Renewal


class TokenLookedUp(Struct, frozen=True):
    """Vault told the terms of the token."""

    order: LookUpToken
    login: Login


class TokenRevoked(Struct, frozen=True):
    """A token and its leases are gone."""

    order: RevokeToken


class Pinged(Struct, frozen=True):
    """Vault answers."""

    order: Ping


class Failed(Struct, frozen=True):
    """An order failed."""

    order: Order
    fault: Fault


Outside = Started | Woke | ClockJumped | StopRequested | RotateRequested | Reported | FilesChanged
TokenAnswer = LoggedIn | TokenRenewed | TokenLookedUp | TokenRevoked
TokenEvent = CredentialChanged | CredentialUnwrapped | TokenAnswer
KeyAnswer = (
    Issued | Refreshed | Exchanged | Renewed | LookedUp | Revoked | Tested | Published | Withdrawn
)
Event = Outside | TokenEvent | KeyAnswer | Pinged | Failed
