"""The numbers that the user chose, as the core needs them. Durations are seconds."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from freshkey.core.model.struct import Struct


class VerifyMode(StrEnum):
    """Whether a key has to pass a test at OpenAI before it is published."""

    REQUIRE = "require"
    PREFER = "prefer"
    OFF = "off"


class Subject(StrEnum):
    """Who vouches for this workload, so that OpenAI gives it an access token."""

    VAULT = "vault"
    FILE = "file"


class HookEvent(StrEnum):
    """After which publish a hook runs."""

    FIRST = "first"
    ROTATE = "rotate"
    BOTH = "both"


class KeyPolicy(Struct, frozen=True):
    """The options of one `[keys.NAME]`; 0 turns `check_every` and `probe_every` off.

    With a `subject` it is an access token, exchanged at OpenAI; without, Vault has it.
    """

    subject: Subject | None = None
    refresh: float = 300.0
    renew_at: float = 0.67
    jitter: float = 0.2
    overlap: float = 300.0
    check_every: float = 60.0
    max_stale: float = 12 * 3600.0
    revoke_on_stop: bool = False
    stop_grace: float = 20.0
    verify: VerifyMode = VerifyMode.PREFER
    probe_every: float = 300.0
    activation_timeout: float = 30.0


class AgentPolicy(Struct, frozen=True):
    """All keys by name, and the mint budget for any 60 s (0: no limit)."""

    keys: Mapping[str, KeyPolicy]
    max_mints_per_minute: int = 6

    @property
    def uses_vault(self) -> bool:
        """Whether some key needs Vault."""
        return any(key.subject is not Subject.FILE for key in self.keys.values())
