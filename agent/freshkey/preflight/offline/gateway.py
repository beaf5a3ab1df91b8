"""Whether the gateway's clients can be told from others, and its tokens be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from freshkey.preflight.offline.credentials import openness
from freshkey.settings.faults import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshkey.settings.gateway import GatewaySettings
    from freshkey.settings.model import Settings

_SHORTEST_TOKEN: Final = 16  # characters


def gateway_findings(settings: Settings) -> Iterator[Finding]:
    """List the token files that this process can't read."""
    for index, client in enumerate(settings.gateway.clients):
        if client.token_file is None or not settings.gateway.is_on:
            continue
        place = ("gateway", "clients", index, "token_file")
        try:
            token = client.token_file.read_bytes().strip()
        except OSError as error:
            message = f"can't be read ({error.strerror}), and nobody can use this entry: correct it"
            yield Finding(place, message)
            continue
        if not token:
            yield Finding(place, "is empty, and nobody can use this entry: put a token there")


def gateway_warnings(settings: Settings) -> Iterator[Finding]:
    """List what is for more clients than one might think, and what is for none."""
    gateway = settings.gateway
    if not gateway.is_on:
        if gateway.clients:
            message = "have no gateway: name gateway.socket or gateway.tcp"
            yield Finding(("gateway", "clients"), message)
        return
    yield from _weak_tokens(gateway)
    last = len(gateway.clients) - 1
    for index, client in enumerate(gateway.clients):
        if not client.is_for_everybody:
            continue
        place = ("gateway", "clients", index)
        if gateway.tcp is not None:
            yield Finding(
                place,
                f"is for everybody, and every user of this machine can connect to {gateway.tcp}: "
                "name a user, or a token_file",
            )
        if index < last:
            yield Finding(place, "is for everybody, so none after it is used: move it to the end")


def _weak_tokens(gateway: GatewaySettings) -> Iterator[Finding]:
    for index, client in enumerate(gateway.clients):
        place = ("gateway", "clients", index, "token_file")
        if client.token_file is None:
            continue
        try:
            mode = client.token_file.stat().st_mode
            size = len(client.token_file.read_bytes().strip())
        except OSError:  # which is a fault
            continue
        if (fault := openness(mode)) is not None:
            yield Finding(place, fault)
        if 0 < size < _SHORTEST_TOKEN:
            message = f"has {size} characters, and can be guessed: openssl rand -hex 32"
            yield Finding(place, message)
