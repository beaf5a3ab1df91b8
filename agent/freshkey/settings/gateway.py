"""[gateway] and its clients: the local OpenAI endpoint that puts the current key into requests.

The texts below the options are what freshkey.toml(5) and docs/configuration.md say of them.
"""

from pathlib import Path

from freshkey.core.model.struct import Struct
from freshkey.settings.keys import AllowSettings
from freshkey.settings.option_types import (
    Account,
    ApiPath,
    ApiUrl,
    LoopbackPort,
    Mode,
    Name,
    PositiveCount,
    PositiveSeconds,
    Word,
)


class GatewayClientSettings(AllowSettings, frozen=True, kw_only=True):
    """[[gateway.clients]]: who may use the gateway, and with which key.

    The first entry of which all matches decides; whom none matches is refused. An entry without
    `user`, `group`, `unit`, `executable`, and `token_file` matches everybody who can connect.
    """

    name: Name | None = None
    """How records and metrics call it; the name of its key when unset."""
    key: Word | None = None
    """The key that goes into its requests; can be left out where there is only one."""
    token_file: Path | None = None
    """The file with a token that the client sends in place of an API key; for clients in other
    pods and namespaces, whose user can't be seen."""
    models: tuple[Word, ...] = ()
    """Names of models, or patterns such as "gpt-5*"; all when empty."""
    paths: tuple[ApiPath, ...] = ()
    """Paths such as "/responses", with what is below them; when empty all but /organization,
    which is never passed on."""

    @property
    def is_for_everybody(self) -> bool:
        """Whether it matches whoever can connect."""
        named = (self.user, self.group, self.unit, self.executable, self.token_file)
        return named == (None,) * len(named)


class GatewaySettings(Struct, frozen=True, kw_only=True):
    """[gateway]: a local OpenAI endpoint, whose clients never hold a key.

    It is off unless `socket` or `tcp` is set.
    """

    socket: Path | None = None
    """A Unix socket for it, such as "/run/freshkey/openai.sock"."""
    mode: Mode = 0o660
    """The socket's permissions."""
    owner: Account | None = None
    """The user that owns the socket, by name or id."""
    group: Account | None = None
    """The group that owns the socket, by name or id."""
    tcp: LoopbackPort | None = None
    """An address of loopback, such as "127.0.0.1:8317", for what takes nothing but a base URL."""
    upstream: ApiUrl = "https://api.openai.com/v1"
    """Where OpenAI's API begins; plain http goes to this machine only."""
    max_requests: PositiveCount = 256
    """How many requests may be under way at once."""
    first_byte_timeout: PositiveSeconds = 600.0
    """How long OpenAI may think before it answers, and be silent within an answer."""
    clients: tuple[GatewayClientSettings, ...] = ()

    @property
    def is_on(self) -> bool:
        """Whether it listens anywhere."""
        return self.socket is not None or self.tcp is not None
