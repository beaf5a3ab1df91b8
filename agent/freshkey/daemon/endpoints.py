"""The sockets that the agent listens on, over all of its configurations, and what each serves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self, TypeAlias, final

import structlog

from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.serve.credential import CredentialSocket
from freshkey.serve.endpoint import http
from freshkey.serve.health import health
from freshkey.sockets.activation import take_inherited
from freshkey.sockets.endpoint import Endpoint
from freshkey.sockets.handover import Handover
from freshkey.sockets.listener import Listener, listen
from freshkey.sockets.tcp_listener import TcpListener

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from freshkey.serve.connection import Answer
    from freshkey.serve.reading import Reading
    from freshkey.settings.gateway import GatewaySettings
    from freshkey.settings.keys import CredentialSettings
    from freshkey.settings.model import ServerSettings, Settings
    from freshkey.settings.urls import HostPort
    from freshkey.sockets.endpoint import Listening

    Access: TypeAlias = ServerSettings | CredentialSettings | GatewaySettings

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@final
class Listeners:
    """A context manager that closes them. Sockets that stay configured are kept over a reload."""

    def __init__(self) -> None:
        self._open: dict[Path, Listener] = {}
        self._tcp: dict[HostPort, TcpListener] = {}
        self._handovers: dict[Path, Handover] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, settings: Settings) -> None:
        """Take over what systemd passed, and make the other sockets; those that are open stay.

        Raises FaultError (`output`), and leaves what was open as it was.
        """
        wanted = _wanted(settings)
        made = take_inherited(os.environ, wanted)
        addresses = _addresses(settings)
        made_tcp: dict[HostPort, TcpListener] = {}
        try:
            for address in addresses.keys() - self._tcp.keys():
                made_tcp[address] = self._listen(address, addresses)
            for path in wanted.keys() - self._open.keys() - made.keys():
                access = wanted[path]
                made[path] = listen(path, mode=access.mode, owner=access.owner, group=access.group)
        except BaseException:
            _close(*made.values(), *made_tcp.values())
            raise
        self._open |= made
        self._tcp |= made_tcp

    def _listen(self, address: HostPort, addresses: Mapping[HostPort, str]) -> TcpListener:
        """Listen on an address; raises FaultError."""
        label = f"{addresses[address]}: {address}"
        try:
            return TcpListener(address, label)
        except FaultError:
            for held in self._tcp.keys() - addresses.keys():
                if held.port == address.port:  # it is held until the reload is over
                    message = f"{label}: this agent has {held}: restart it, or name another port"
                    raise FaultError(Fault(FaultKind.OUTPUT, message)) from None
            raise

    def take_over(self, settings: Settings) -> None:
        """Close those that a configuration does not name any more, and give the rest its access."""
        for address in self._tcp.keys() - _addresses(settings).keys():
            self._tcp.pop(address).close()
        wanted = _wanted(settings)
        for path in self._open.keys() - wanted.keys():
            self._open.pop(path).close()
        for path in self._handovers.keys() - _credential_sockets(settings):
            self._handovers.pop(path).close()
        for path, access in wanted.items():
            try:
                self._open[path].change_access(access.mode, access.owner, access.group)
            except FaultError as error:
                log.warning("server.access_unchanged", message=error.fault.message)

    def end_waits(self, following: Settings | None) -> None:
        """End the waits at sockets that the next configuration, None if there is none, has not."""
        for path in self._handovers.keys() - _credential_sockets(following):
            self._handovers[path].expect_no_server()

    def close(self) -> None:
        """Close all."""
        for handover in self._handovers.values():
            handover.close()
        _close(*self._open.values(), *self._tcp.values())
        self._open.clear()
        self._tcp.clear()

    def endpoints(self, settings: Settings, answer: Answer, reading: Reading) -> list[Endpoint]:
        """Say what each listener serves: HTTP, or one key's credential."""
        found = [http(self._open[settings.server.socket], answer)]
        if settings.server.health is not None:
            found.append(health(self._tcp[settings.server.health], answer))
        for name, key in settings.keys.items():
            if key.credential is not None:
                listener = self._open[key.credential.socket]
                handover = self._handovers.setdefault(key.credential.socket, Handover())
                credential = CredentialSocket(name, reading, handover)
                attend, refuse = credential.attend, credential.refuse
                found.append(Endpoint(listener, attend, on_refused=refuse, handover=handover))
        return found

    def of_gateway(self, settings: Settings) -> list[Listening]:
        """List the listeners of the gateway."""
        found: list[Listening] = []
        if settings.gateway.socket is not None:
            found.append(self._open[settings.gateway.socket])
        if settings.gateway.tcp is not None:
            found.append(self._tcp[settings.gateway.tcp])
        return found


def _credential_sockets(settings: Settings | None) -> set[Path]:
    keys = () if settings is None else settings.keys.values()
    return {key.credential.socket for key in keys if key.credential is not None}


def _addresses(settings: Settings) -> Mapping[HostPort, str]:
    """Return the addresses of TCP that are listened on, each with its option."""
    named = ("server.health", settings.server.health), ("gateway.tcp", settings.gateway.tcp)
    return {address: option for option, address in named if address is not None}


def _close(*listeners: Listener | TcpListener) -> None:
    for listener in listeners:
        listener.close()


def _wanted(settings: Settings) -> Mapping[Path, Access]:
    wanted: dict[Path, Access] = {settings.server.socket: settings.server}
    if settings.gateway.socket is not None:
        wanted[settings.gateway.socket] = settings.gateway
    for key in settings.keys.values():
        if key.credential is not None:
            wanted[key.credential.socket] = key.credential
    return wanted
