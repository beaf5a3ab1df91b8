"""Orders to the world. Each but `Record` is answered by exactly one event."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from freshkey.core.model.faults import Operation
from freshkey.core.model.grants import Unwrapped
from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import Struct
from freshkey.core.model.view import Publication


class Issue(Struct, frozen=True):
    """Mint a key. The only order that is never abandoned."""

    operation: ClassVar = Operation.MINT
    name: str
    token_number: int
    token: Secret


class Refresh(Struct, frozen=True):
    """Read a secret without a lease again. It costs OpenAI nothing, and may be broken off."""

    operation: ClassVar = Operation.REFRESH
    name: str
    token_number: int
    token: Secret


class Exchange(Struct, frozen=True):
    """Have OpenAI give an access token for an identity token. It may be broken off.

    `token` is of the Vault that vouches for the agent; None, with number 0, where a file does.
    """

    operation: ClassVar = Operation.EXCHANGE
    name: str
    token_number: int
    token: Secret | None


class Renew(Struct, frozen=True):
    """Renew a lease for `increment` seconds."""

    operation: ClassVar = Operation.RENEW_LEASE
    name: str
    lease_id: str
    increment: float
    token_number: int
    token: Secret


class LookUp(Struct, frozen=True):
    """Ask Vault whether a lease lives, and for how long."""

    operation: ClassVar = Operation.LOOK_UP_LEASE
    name: str
    lease_id: str
    token_number: int
    token: Secret


class Revoke(Struct, frozen=True):
    """Hand a lease to Vault for revocation."""

    operation: ClassVar = Operation.REVOKE_LEASE
    name: str
    lease_id: str
    token_number: int
    token: Secret


class Test(Struct, frozen=True):
    """Try a key at OpenAI."""

    operation: ClassVar = Operation.TEST
    name: str
    lease_id: str
    secret: Secret


class Publish(Struct, frozen=True):
    """Write every file; readers of the socket see the generation once this is answered."""

    operation: ClassVar = Operation.PUBLISH
    name: str
    publication: Publication


class Withdraw(Struct, frozen=True):
    """Remove the files of a key; the socket answers 503 already."""

    operation: ClassVar = Operation.WITHDRAW
    name: str


class LogIn(Struct, frozen=True):
    """Log in. `unwrapped` is a secret-id that an earlier login took out of its wrapping."""

    operation: ClassVar = Operation.LOG_IN
    unwrapped: Unwrapped | None


class RenewToken(Struct, frozen=True):
    """Renew the token for `increment` seconds."""

    operation: ClassVar = Operation.RENEW_TOKEN
    token_number: int
    token: Secret
    increment: float


class LookUpToken(Struct, frozen=True):
    """Ask Vault for the terms of the token."""

    operation: ClassVar = Operation.LOOK_UP_TOKEN
    token_number: int
    token: Secret
    owned: bool


class RevokeToken(Struct, frozen=True):
    """Revoke a token, and with it every lease under it."""

    operation: ClassVar = Operation.REVOKE_TOKEN
    token_number: int
    token: Secret


class Ping(Struct, frozen=True):
    """Ask whether Vault answers at all."""

    operation: ClassVar = Operation.PING


class Level(StrEnum):
    """The weight of a record in the log."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


Field = str | int | float | bool | None


class Record(Struct, frozen=True):
    """Something worth telling: a dotted event name with fields.

    `audit` puts it into the record for auditors; a field `expires_at` is on the lease clock.
    """

    level: Level
    event: str
    fields: tuple[tuple[str, Field], ...]
    audit: bool = False


VaultKeyOrder = Issue | Refresh | Renew | LookUp | Revoke
TokenOrder = LogIn | RenewToken | LookUpToken | RevokeToken
Order = VaultKeyOrder | Exchange | Test | Publish | Withdraw | TokenOrder | Ping
Action = Order | Record
