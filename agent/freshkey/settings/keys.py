"""[keys.NAME] and its tables: which key is kept fresh, how, where it goes, and who may have it.

The texts below the options are what freshkey.toml(5) and docs/configuration.md say of them.
"""

from enum import StrEnum
from pathlib import Path
from typing import Final

from freshkey.core.model.policy import HookEvent, Subject, VerifyMode
from freshkey.core.model.struct import Struct
from freshkey.settings.option_types import (
    Account,
    ApiUrl,
    ExchangeUrl,
    Jitter,
    Mode,
    Name,
    PositiveSeconds,
    RenewAt,
    Seconds,
    SecretPath,
    Service,
    SignalName,
    Text,
    VariableName,
    Word,
)


class KeySource(StrEnum):
    """Where a key comes from."""

    VAULT = "vault"
    FEDERATION = "federation"


class SubjectTokenType(StrEnum):
    """What kind of token vouches for the workload."""

    JWT = "jwt"
    ID_TOKEN = "id_token"  # noqa: S105 - a kind of token


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


class VerifySettings(Struct, frozen=True, kw_only=True):
    """[keys.NAME.verify]: how a key is tested at OpenAI."""

    mode: VerifyMode = VerifyMode.PREFER
    """`require` publishes only keys that OpenAI accepts. `prefer` publishes a key, too, if
    nobody can tell within `activation_timeout`. `off` tests nothing."""
    base_url: ApiUrl = "https://api.openai.com/v1"
    """Where OpenAI's API begins; plain http goes to this machine only."""
    probe_every: Seconds = 300.0
    """How often the published key is tested again; 0 turns that off."""
    activation_timeout: Seconds = 30.0
    """How long a new key may be refused until it counts as bad; one that nobody can test is then
    published under `prefer`."""


class FileSettings(Struct, frozen=True, kw_only=True):
    """[[keys.NAME.files]]: a file that holds the key; any number of them, or none."""

    path: Path
    """Where it is: on tmpfs, unless `state.allow_disk` is set. It is replaced, never rewritten."""
    format: FileFormat = FileFormat.RAW
    """`raw` is the key alone, without a newline; `env` is a line `OPENAI_API_KEY=…`; `json` has
    name, key, tag, generation, not_after, and api_key_id; `template` is what a template makes, and
    needs `template` or `template_file`."""
    env_name: VariableName = "OPENAI_API_KEY"
    """The variable, for format `env`."""
    template: Text | None = None
    """The text of a Jinja2 template, for format `template`."""
    template_file: Path | None = None
    """The file with that text, in place of `template`."""
    mode: Mode = 0o440
    """Its permissions."""
    owner: Account | None = None
    """The user that owns it, by name or id; left to the file system when unset."""
    group: Account | None = None
    """The group that owns it, by name or id; left to the file system when unset."""


class HookSettings(Struct, frozen=True, kw_only=True):
    """[[keys.NAME.hooks]]: what is done after a publish; it needs `command` or `signal`."""

    on: HookEvent = HookEvent.ROTATE
    """After which publish: the `first`, each later one (`rotate`), or `both`."""
    command: tuple[Text, ...] = ()
    """The program and its arguments; no shell is involved."""
    timeout: PositiveSeconds = 30.0
    """After that the command is killed, and tried again later."""
    signal: SignalName | None = None
    """The signal that is sent, such as "HUP", to what `pid_file` or `unit` names."""
    pid_file: Path | None = None
    """The file that a process writes its id to."""
    unit: Service | None = None
    """A service of systemd, whose main process gets the signal."""


class AllowSettings(Struct, frozen=True, kw_only=True):
    """[[keys.NAME.allow]]: who may have the key from the sockets; all of an entry has to match."""

    user: Account | None = None
    """The user of the process, by name or id."""
    group: Account | None = None
    """A group of the process, by name or id."""
    unit: str | None = None
    """The system unit that the process belongs to, such as "billing.service"."""
    executable: Path | None = None
    """The program that the process runs; a script is run by its interpreter."""


class CredentialSettings(Struct, frozen=True, kw_only=True):
    """[keys.NAME.credential]: a socket that writes the key to whoever connects, and closes.

    It is for systemd's LoadCredential=, nc -U, and socat. `allow` holds for it, too.
    """

    socket: Path
    """Where it is."""
    mode: Mode = 0o600
    """Its permissions."""
    owner: Account | None = None
    """The user that owns it, by name or id."""
    group: Account | None = None
    """The group that owns it, by name or id."""


PROVIDER_PLACEHOLDER: Final = "IDENTITY_PROVIDER_ID"
"""What `freshkey init` writes in place of an id that OpenAI has not given yet."""


class FederationSettings(Struct, frozen=True, kw_only=True):
    """[keys.NAME.federation]: OpenAI gives a token for an identity; `path` and `field` have no use.

    It is for `source = "federation"`. docs/federation.md explains it.
    """

    identity_provider_id: Word
    """The provider of identities that OpenAI trusts, by OpenAI's id."""
    service_account_id: Word
    """The service account at OpenAI to act as, by OpenAI's id."""
    subject: Subject = Subject.VAULT
    """Who vouches for this workload: `vault`, which signs an identity token, or a `file`."""
    vault_oidc_role: Name | None = None
    """For `vault`: the role that it signs with; the agent reads identity/oidc/token/ROLE."""
    subject_token_file: Path | None = None
    """For `file`: a projected token of Kubernetes, a CI system, or a cloud; it is read anew at each
    exchange."""
    subject_token_type: SubjectTokenType = SubjectTokenType.JWT
    """What kind of token that is: `jwt` or `id_token`."""
    exchange_url: ExchangeUrl = "https://auth.openai.com/oauth/token"
    """Where tokens are exchanged; plain http goes to this machine only."""


class KeySettings(Struct, frozen=True, kw_only=True):
    """[keys.NAME]: a key that is kept fresh; there has to be one at least.

    NAME has up to 63 of a-z, 0-9, _ and -, and begins with a letter or a digit.
    """

    source: KeySource = KeySource.VAULT
    """Where it comes from: `vault`, or `federation`, an exchange at OpenAI, which needs its table,
    and takes no `path`, `field`, or `ttl`."""
    path: SecretPath = ""
    """What to read from Vault, such as "openai/creds/billing"; every key of `vault` needs it."""
    field: Name = "api_key"
    """Which field of it is the key."""
    ttl: PositiveSeconds | None = None
    """Asks for a lease of this length; what Vault's role gives when unset."""
    refresh: PositiveSeconds = 300.0
    """How often a secret without a lease (a static key in KV) is read again."""
    renew_at: RenewAt = 0.67
    """The share of the lifetime after which a key is renewed or replaced, from 0.5 to 0.95."""
    jitter: Jitter = 0.2
    """That point is drawn once per lease, between `renew_at` - `jitter` and `renew_at`."""
    overlap: Seconds = 300.0
    """How long a replaced key stays valid, at most what remains of its lease."""
    check_every: Seconds = 60.0
    """How often Vault is asked whether the lease still lives; 0 turns that off."""
    max_stale: Seconds = 12 * 3600.0
    """How long a key is served past its end while no other can be had, and OpenAI is not known to
    refuse it; 0 withdraws it at its end."""
    on_stop: OnStop = OnStop.KEEP
    """`keep` leaves the key for the next start; `revoke` withdraws it, and then revokes it."""
    stop_grace: Seconds = 20.0
    """How long a stop waits for a mint that is under way."""
    federation: FederationSettings | None = None
    verify: VerifySettings = VerifySettings()
    files: tuple[FileSettings, ...] = ()
    hooks: tuple[HookSettings, ...] = ()
    allow: tuple[AllowSettings, ...] = ()
    credential: CredentialSettings | None = None

    @property
    def subject(self) -> Subject | None:
        """Who vouches for the workload, None for a key that Vault has."""
        if self.source is not KeySource.FEDERATION or self.federation is None:
            return None
        return self.federation.subject
