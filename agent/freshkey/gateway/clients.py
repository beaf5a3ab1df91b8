"""Who may use the gateway, and with which key: the first entry that matches decides."""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, final

from freshkey.core.model.secret import Secret
from freshkey.core.model.text import cleaned
from freshkey.gateway.runs import is_of_a_run
from freshkey.http1.headers import first
from freshkey.logs.redact import add_secret
from freshkey.sockets.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from freshkey.gateway.runs import Runs
    from freshkey.http1.headers import Headers
    from freshkey.settings.gateway import GatewaySettings
    from freshkey.sockets.peers import Peer

_BEARER: Final = b"bearer "
_AS_PROTOCOL: Final = b"openai-insecure-api-key."
_MOST: Final = 4096  # bytes of a token


class Token(Protocol):
    """A token that a client has to send."""

    def value(self) -> Secret | None:
        """Return it as it is now; None when there is none, which nobody matches."""


class Client(NamedTuple):
    """An entry: whom it matches, and what it grants."""

    name: str
    key: str
    rule: Rule = Rule()
    token: Token | None = None
    models: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    def matches(self, peer: Peer, offered: bytes) -> bool:
        """Whether a peer that offers this token, or an empty one, has all that the entry names."""
        if self.token is not None:
            token = self.token.value()
            if token is None or not compare_digest(token.reveal().encode(), offered):
                return False
        return self.rule.matches(peer)


def clients_of(settings: GatewaySettings, keys: Iterable[str]) -> tuple[Client, ...]:
    """Take the entries of the configuration; raises KeyError for a name that is unknown."""
    only = next(iter(keys))
    return tuple(
        Client(
            name=entry.name or entry.key or only,
            key=entry.key or only,
            rule=Rule.of(entry),
            token=None if entry.token_file is None else TokenFile(entry.token_file),
            models=entry.models,
            paths=entry.paths,
        )
        for entry in settings.clients
    )


def find(clients: Iterable[Client], peer: Peer, offered: bytes, runs: Runs) -> Client | None:
    """Return the first entry that matches; None: the client may not use the gateway.

    The token of a run stands for the peer that brought it, and for nobody once the run has ended:
    not even for the same user, who may have an entry.
    """
    if is_of_a_run(offered):
        owner = runs.peer(offered)
        return None if owner is None else of_peer(clients, owner)
    return next((client for client in clients if client.matches(peer, offered)), None)


def of_peer(clients: Iterable[Client], peer: Peer) -> Client | None:
    """Return the first entry that matches a peer of the agent's socket; it has no token there."""
    return next((client for client in clients if client.matches(peer, b"")), None)


def offered_token(headers: Headers) -> bytes:
    """Return what the client sends as its API key, empty for nothing."""
    authorization = first(headers, b"authorization")
    if authorization.lower().startswith(_BEARER):
        return authorization[len(_BEARER) :].strip()
    protocols = first(headers, b"sec-websocket-protocol").split(b",")
    for protocol in map(bytes.strip, protocols):
        if protocol.lower().startswith(_AS_PROTOCOL):
            return protocol[len(_AS_PROTOCOL) :]
    return b""


@final
class TokenFile:
    """A token in a file, which is read again whenever it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._token: Secret | None = None

    def value(self) -> Secret | None:
        """See `Token`. White space around it is taken off."""
        try:
            found = self._path.stat()
            seen = found.st_ino, found.st_mtime_ns, found.st_size
            if seen != self._seen:
                with self._path.open(encoding="utf-8") as file:
                    text = cleaned(file.read(_MOST))
                self._seen = seen
                usable = bool(text.value) and not text.misfit
                self._token = Secret(text.value) if usable else None
                if self._token is not None:
                    add_secret(self._token)
        except (OSError, UnicodeError):
            self._seen = self._token = None
        return self._token
