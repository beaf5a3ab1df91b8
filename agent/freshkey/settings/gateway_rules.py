"""Rules between the options of [gateway], and for what it demands."""

from collections.abc import Collection, Iterator
from typing import Final

from freshkey.settings.faults import Finding, Place
from freshkey.settings.gateway import GatewayClientSettings, GatewaySettings

_SEEN_ON_THE_SOCKET: Final = ("group", "unit", "executable")


def broken_gateway_rules(gateway: GatewaySettings, keys: Collection[str]) -> Iterator[Finding]:
    """List every rule that these settings break; `keys` are the names of all keys."""
    if gateway.is_on and not gateway.clients:
        yield Finding(
            ("gateway", "clients"),
            "is missing: add [[gateway.clients]] with the user, or the token_file, of each client; "
            "an entry without them lets in everybody who can connect",
        )
    for index, client in enumerate(gateway.clients):
        place: Place = ("gateway", "clients", index)
        yield from _key((*place, "key"), client, keys)
        if gateway.tcp is not None and gateway.socket is None:
            for option in _SEEN_ON_THE_SOCKET:
                if getattr(client, option) is not None:
                    yield Finding(
                        (*place, option),
                        "can't be seen over TCP: name gateway.socket, or use user or token_file",
                    )


def _key(place: Place, client: GatewayClientSettings, keys: Collection[str]) -> Iterator[Finding]:
    if client.key is None and len(keys) > 1:
        yield Finding(place, f"is missing: name one of {', '.join(keys)}")
    elif client.key is not None and client.key not in keys:
        known = f": known are {', '.join(keys)}" if keys else ""
        yield Finding(place, f"is no key of this configuration{known}", (("keys",),))
