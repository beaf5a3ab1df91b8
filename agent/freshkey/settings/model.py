"""The configuration, parsed: one class per table of the TOML file, with the file's own names.

Durations are seconds, modes are permission bits, paths are absolute, and what is unset is None.
The second argument of an `Annotated` is the function that parses the value.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from msgspec.structs import force_setattr

from freshkey.core.model.policy import HookEvent, VerifyMode
from freshkey.core.model.struct import Struct, field
from freshkey.settings import urls, values
from freshkey.settings.auth import AuthSettings, Name, Word
from freshkey.settings.vault_paths import secret_path

Seconds = Annotated[float, values.duration]
PositiveSeconds = Annotated[float, values.positive_duration]
Mode = Annotated[int, values.mode]
Count = Annotated[int, values.count]
PositiveCount = Annotated[int, values.positive_count]
Account = Annotated[str, values.account]


class OnStop(StrEnum):
    """What becomes of a key when the agent stops."""

    KEEP = "keep"
    REVOKE = "revoke"


class FileFormat(StrEnum):
    """What a key file holds."""

    RAW = "raw"
    ENV = "env"
    JSON = "json"
    TEMPLATE = "template"


class LogLevel(StrEnum):
    """The least severity that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How log lines look; auto is console on a terminal and JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class VaultSettings(Struct, frozen=True, kw_only=True):
    """[vault]: where Vault is, and how it is spoken to; `address` is the first of `addresses`."""

    addresses: tuple[Annotated[str, urls.vault_url], ...] = ()
    address: Annotated[str, urls.vault_url] = ""
    namespace: Word | None = None
    ca_file: Path | None = None
    ca_dir: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    tls_server_name: Word | None = None
    timeout: PositiveSeconds = 65.0
    max_mints_per_minute: Count = 6

    def __post_init__(self) -> None:
        if self.addresses and not self.address:
            force_setattr(self, "address", self.addresses[0])


class StateSettings(Struct, frozen=True, kw_only=True):
    """[state]: where the journal is."""

    directory: Path = Path("/run/freshkey/state")
    persist: bool = True
    allow_disk: bool = False


class VerifySettings(Struct, frozen=True, kw_only=True):
    """[keys.NAME.verify]: how a key is tested at OpenAI; `probe_every` 0 turns probes off."""

    mode: VerifyMode = VerifyMode.PREFER
    base_url: Annotated[str, urls.api_url] = "https://api.openai.com/v1"
    probe_every: Seconds = 300.0
    activation_timeout: Seconds = 30.0


class FileSettings(Struct, frozen=True, kw_only=True):
    """[[keys.NAME.files]]: one file that holds the key."""

    path: Path
    format: FileFormat = FileFormat.RAW
    env_name: Annotated[str, values.variable_name] = "OPENAI_API_KEY"
    template: Annotated[str, values.text] | None = None
    template_file: Path | None = None
    mode: Mode = 0o440
    owner: Account | None = None
    group: Account | None = None


class HookSettings(Struct, frozen=True, kw_only=True):
    """[[keys.NAME.hooks]]: what is run or signalled after a publish."""

    on: HookEvent = HookEvent.ROTATE
    command: tuple[Annotated[str, values.text], ...] = ()
    timeout: PositiveSeconds = 30.0
    signal: Annotated[str, values.signal_name] | None = None
    pid_file: Path | None = None
    unit: Annotated[str, values.service] | None = None


class AllowSettings(Struct, frozen=True, kw_only=True):
    """[[keys.NAME.allow]]: a peer that may have the key from the socket."""

    user: Account | None = None
    group: Account | None = None
    unit: str | None = None
    executable: Path | None = None


class CredentialSettings(Struct, frozen=True, kw_only=True):
    """[keys.NAME.credential]: a socket that writes the raw key to whoever connects."""

    socket: Path
    mode: Mode = 0o600
    owner: Account | None = None
    group: Account | None = None


class KeySettings(Struct, frozen=True, kw_only=True):
    """[keys.NAME]: one key that is kept fresh; `check_every` 0 turns lease lookups off."""

    path: Annotated[str, secret_path]
    field: Name = "api_key"
    ttl: PositiveSeconds | None = None
    refresh: PositiveSeconds = 300.0
    renew_at: Annotated[float, values.renew_at] = 0.67
    jitter: Annotated[float, values.jitter] = 0.2
    overlap: Seconds = 300.0
    check_every: Seconds = 60.0
    max_stale: Seconds = 12 * 3600.0
    on_stop: OnStop = OnStop.KEEP
    stop_grace: Seconds = 20.0
    verify: VerifySettings = VerifySettings()
    files: tuple[FileSettings, ...] = ()
    hooks: tuple[HookSettings, ...] = ()
    allow: tuple[AllowSettings, ...] = ()
    credential: CredentialSettings | None = None


class ServerSettings(Struct, frozen=True, kw_only=True):
    """[server]: the agent's own socket."""

    socket: Path = Path(values.DEFAULT_SOCKET)
    mode: Mode = 0o660
    owner: Account | None = None
    group: Account | None = None
    max_connections: PositiveCount = 512
    max_connections_per_uid: PositiveCount = 128
    health: Annotated[urls.HostPort, urls.host_port] | None = None


class LogSettings(Struct, frozen=True, kw_only=True):
    """[log]: what is logged, and how."""

    level: LogLevel = LogLevel.INFO
    format: LogFormat = LogFormat.AUTO
    audit_file: Path | None = None


class Settings(Struct, frozen=True, kw_only=True):
    """The whole configuration; it has at least one key."""

    vault: VaultSettings
    auth: AuthSettings
    keys: dict[str, KeySettings] = field(default_factory=dict)  # rules tell more
    state: StateSettings = StateSettings()
    server: ServerSettings = ServerSettings()
    log: LogSettings = LogSettings()
