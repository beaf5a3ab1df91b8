"""Whether the gateway's clients can be told from others, and its tokens be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.settings.faults import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshkey.settings.model import Settings


def gateway_findings(settings: Settings) -> Iterator[Finding]:
    """List the token files that this process can't read."""
    for index, client in enumerate(settings.gateway.clients):
        if client.token_file is None or not settings.gateway.is_on:
            continue
        try:
            client.token_file.read_bytes()
        except OSError as error:
            yield Finding(
                ("gateway", "clients", index, "token_file"),
                f"can't be read ({error.strerror}), and nobody can use this entry: correct it",
            )


def gateway_warnings(settings: Settings) -> Iterator[Finding]:
    """List what is for more clients than one might think, and what is for none."""
    gateway = settings.gateway
    if not gateway.is_on:
        return
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
