"""Where a configuration has the agent listen: its sockets with a file, and its addresses of TCP."""

from collections.abc import Iterator
from typing import TypeAlias

from freshkey.settings.faults import Place
from freshkey.settings.gateway import GatewaySettings
from freshkey.settings.keys import CredentialSettings
from freshkey.settings.model import ServerSettings, Settings
from freshkey.settings.urls import HostPort

SocketSettings: TypeAlias = ServerSettings | GatewaySettings | CredentialSettings


def sockets(settings: Settings) -> Iterator[tuple[Place, SocketSettings]]:
    """List the tables that name a `socket`, each with its place."""
    yield ("server",), settings.server
    if settings.gateway.socket is not None:
        yield ("gateway",), settings.gateway
    for name, key in settings.keys.items():
        if key.credential is not None:
            yield ("keys", name, "credential"), key.credential


def addresses(settings: Settings) -> Iterator[tuple[Place, HostPort]]:
    """List the addresses of TCP, each with its place."""
    if settings.server.health is not None:
        yield ("server", "health"), settings.server.health
    if settings.gateway.tcp is not None:
        yield ("gateway", "tcp"), settings.gateway.tcp
