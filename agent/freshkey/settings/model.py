"""The configuration, parsed: one class per table of the TOML file, with the file's own names.

Durations are seconds, modes are permission bits, paths are absolute, and what is unset is None.
The texts below the options are what freshkey.toml(5) and docs/configuration.md say of them.
"""

from enum import StrEnum
from pathlib import Path

from msgspec.structs import force_setattr

from freshkey.core.model.policy import Subject
from freshkey.core.model.struct import Struct, field
from freshkey.settings import values
from freshkey.settings.auth import AuthSettings
from freshkey.settings.gateway import GatewaySettings
from freshkey.settings.keys import KeySettings
from freshkey.settings.option_types import (
    Account,
    Count,
    HostName,
    HostPort,
    Mode,
    PositiveCount,
    PositiveSeconds,
    VaultUrl,
    Word,
)


class LogLevel(StrEnum):
    """The least severity that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How log lines look."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class VaultSettings(Struct, frozen=True, kw_only=True):
    """[vault]: where Vault is, and how it is spoken to; it needs `address` or `addresses`."""

    addresses: tuple[VaultUrl, ...] = ()
    """Nodes of one cluster, tried in order; the last good one is kept."""
    address: VaultUrl = ""
    """Vault's address, such as "https://vault.example:8200"; the first of `addresses` when
    unset."""
    namespace: Word | None = None
    """The namespace, of Vault Enterprise."""
    ca_file: Path | None = None
    """Certificates, in PEM, of whom to trust for Vault's own; the system's trust when unset."""
    ca_dir: Path | None = None
    """A directory with such files."""
    client_cert_file: Path | None = None
    """The certificate, in PEM, that Vault is shown."""
    client_key_file: Path | None = None
    """Its key; `client_cert_file` may hold it, too."""
    tls_server_name: HostName | None = None
    """The name that Vault's certificate has to be for, if it is another than the address's."""
    timeout: PositiveSeconds = 65.0
    """For a mint, which may take 60 s; every other request has 10 s, and connecting 5 s."""
    max_mints_per_minute: Count = 6
    """For the whole agent, in any 60 s, over restarts; 0 means no limit."""

    def __post_init__(self) -> None:
        if self.addresses and not self.address:
            force_setattr(self, "address", self.addresses[0])


class StateSettings(Struct, frozen=True, kw_only=True):
    """[state]: where the agent keeps its journal."""

    directory: Path = Path("/run/freshkey/state")
    """A directory on tmpfs for the journal and the lock; one agent for each."""
    persist: bool = True
    """false keeps no journal: every start mints anew, every stop revokes, and `once`, which leaves
    its keys to the next start, is refused."""
    allow_disk: bool = False
    """true accepts this directory, and key files, on a disk."""


class ServerSettings(Struct, frozen=True, kw_only=True):
    """[server]: the agent's own socket."""

    socket: Path = Path(values.DEFAULT_SOCKET)
    """Where it is."""
    mode: Mode = 0o660
    """Its permissions."""
    owner: Account | None = None
    """The user that owns it, by name or id."""
    group: Account | None = None
    """The group that owns it, by name or id."""
    max_connections: PositiveCount = 512
    """How many connections may be open at once."""
    max_connections_per_uid: PositiveCount = 128
    """How many of them may belong to one user."""
    health: HostPort | None = None
    """An address such as "127.0.0.1:9464", which serves /livez, /readyz, and /metrics over TCP,
    too, and never a key."""


class LogSettings(Struct, frozen=True, kw_only=True):
    """[log]: what is logged, and how."""

    level: LogLevel = LogLevel.INFO
    """The least severity that is logged."""
    format: LogFormat = LogFormat.AUTO
    """`json`, `console`, or `auto`: console on a terminal, with fields in systemd's journal, and
    JSON elsewhere."""
    audit_file: Path | None = None
    """The file for the record of what became of each key and who read it, as JSON lines; with the
    log when unset."""


class Settings(Struct, frozen=True, kw_only=True):
    """The whole configuration; it has at least one key."""

    vault: VaultSettings
    auth: AuthSettings | None = None  # when no key needs Vault
    keys: dict[str, KeySettings] = field(default_factory=dict)  # rules tell more
    state: StateSettings = StateSettings()
    server: ServerSettings = ServerSettings()
    gateway: GatewaySettings = GatewaySettings()
    log: LogSettings = LogSettings()

    @property
    def uses_vault(self) -> bool:
        """Whether some key needs Vault, or there is none yet."""
        return not self.keys or any(key.subject is not Subject.FILE for key in self.keys.values())
