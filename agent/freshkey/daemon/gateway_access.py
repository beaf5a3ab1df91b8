"""Who may send requests to the gateway of one configuration, for those who ask on the socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from freshkey.gateway.clients import of_peer
from freshkey.gateway.targets import BASE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from freshkey.gateway.clients import Client
    from freshkey.gateway.runs import Runs
    from freshkey.settings.gateway import GatewaySettings
    from freshkey.sockets.peers import Peer


@final
class GatewayAccess:
    """See `serve.gateway.Gateway`; `runs` outlives the configuration."""

    def __init__(self, settings: GatewaySettings, clients: Iterable[Client], runs: Runs) -> None:
        self._tcp = settings.tcp
        self._clients = tuple(clients)
        self._runs = runs

    @property
    def base_url(self) -> str | None:
        """Return it as OpenAI's SDK takes it."""
        return None if self._tcp is None else f"http://{self._tcp}{BASE}"

    def key_of(self, peer: Peer) -> str | None:
        """Return the key of the entry for a peer."""
        client = of_peer(self._clients, peer)
        return None if client is None else client.key

    def begin(self, token: str, peer: Peer) -> bool:
        """Have a token be good."""
        return self._runs.begin(token, peer)

    def end(self, token: str) -> None:
        """Have it be good no more."""
        self._runs.end(token)
