"""What readers see: the published generation of each key, and nothing of the machinery."""

from __future__ import annotations

from enum import StrEnum

from freshkey.core.model.faults import Fault
from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import Struct


class KeyStatus(StrEnum):
    """A key's `state` in the contract."""

    STARTING = "starting"  # nothing published yet
    FRESH = "fresh"
    STALE = "stale"  # past its expiry, served until it is replaced, refused, or too old
    WITHDRAWN = "withdrawn"


class Publication(Struct, frozen=True):
    """One published generation. `expires_at` is on the lease clock; None: it has no lease.

    `account` is the service account of an access token, which nobody can end before that.
    """

    generation: int
    secret: Secret
    expires_at: float | None
    api_key_id: str | None = None
    account: str | None = None

    @property
    def tag(self) -> str:
        """`GENERATION-FINGERPRINT`: names this generation even after a lost journal."""
        return f"{self.generation}-{self.secret.fingerprint}"


class KeyView(Struct, frozen=True):
    """One key as readers see it. `publication` is None while starting and once withdrawn."""

    name: str
    status: KeyStatus
    publication: Publication | None = None
    fault: Fault | None = None
