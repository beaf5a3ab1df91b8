"""What has happened. An answer carries the order that it answers."""

from __future__ import annotations

from dataclasses import dataclass

from freshkey.core.model.actions import (
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
from freshkey.core.model.verdict import Finding


@dataclass(frozen=True, slots=True)
class Started:
    """The agent began with what its journal held."""


@dataclass(frozen=True, slots=True)
class Woke:
    """A deadline may have passed."""


@dataclass(frozen=True, slots=True)
class ClockJumped:
    """The wall clock moved against the lease clock: the machine may have been paused."""


@dataclass(frozen=True, slots=True)
class StopRequested:
    """The agent is asked to end."""


@dataclass(frozen=True, slots=True)
class RotateRequested:
    """Somebody with the right to do so wants a new key.

    `compromised` leaves the old one no overlap, `now` withdraws and revokes it first.
    """

    name: str
    compromised: bool = False
    now: bool = False


@dataclass(frozen=True, slots=True)
class Reported:
    """A reader says that OpenAI refused the key with this tag."""

    name: str
    tag: str


@dataclass(frozen=True, slots=True)
class FilesChanged:
    """Somebody else removed or changed a file of this key, or put one where there is to be none."""

    name: str


@dataclass(frozen=True, slots=True)
class CredentialChanged:
    """The credential of the login has changed: it is used from now on."""


@dataclass(frozen=True, slots=True)
class CredentialUnwrapped:
    """A secret-id was unwrapped: it is kept, because its wrapping is spent."""

    unwrapped: Unwrapped


@dataclass(frozen=True, slots=True)
class Issued:
    """Vault minted a key, or, where the path gives no lease, read the one that it keeps."""

    order: Issue
    grant: Grant


@dataclass(frozen=True, slots=True)
class Refreshed:
    """Vault told what it keeps now."""

    order: Refresh
    grant: Grant


@dataclass(frozen=True, slots=True)
class Renewed:
    """Vault renewed a lease."""

    order: Renew
    renewal: Renewal


@dataclass(frozen=True, slots=True)
class LookedUp:
    """Vault knows the lease (`remaining`), or does not any more (None)."""

    order: LookUp
    remaining: Renewal | None


@dataclass(frozen=True, slots=True)
class Revoked:
    """Vault took a revocation over; its audit log shows the correlation id of the request."""

    order: Revoke
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Tested:
    """OpenAI was asked about a key."""

    order: Test
    finding: Finding


@dataclass(frozen=True, slots=True)
class Published:
    """Files were written, except those that `faults` names."""

    order: Publish
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Files were removed, except those that `faults` names."""

    order: Withdraw
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Vault gave a token."""

    order: LogIn
    login: Login


@dataclass(frozen=True, slots=True)
class TokenRenewed:
    """Vault renewed the token."""

    order: RenewToken
    renewal: Renewal


@dataclass(frozen=True, slots=True)
class TokenLookedUp:
    """Vault told the terms of the token."""

    order: LookUpToken
    login: Login


@dataclass(frozen=True, slots=True)
class TokenRevoked:
    """A token and its leases are gone."""

    order: RevokeToken


@dataclass(frozen=True, slots=True)
class Pinged:
    """Vault answers."""

    order: Ping


@dataclass(frozen=True, slots=True)
class Failed:
    """An order failed."""

    order: Order
    fault: Fault


Outside = Started | Woke | ClockJumped | StopRequested | RotateRequested | Reported | FilesChanged
TokenAnswer = LoggedIn | TokenRenewed | TokenLookedUp | TokenRevoked
TokenEvent = CredentialChanged | CredentialUnwrapped | TokenAnswer
KeyAnswer = Issued | Refreshed | Renewed | LookedUp | Revoked | Tested | Published | Withdrawn
Event = Outside | TokenEvent | KeyAnswer | Pinged | Failed
