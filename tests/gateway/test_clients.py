"""Who may use the gateway: by user over TCP, by all of `allow` on the socket, and by token."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from freshkey.gateway.clients import Client, TokenFile, clients_of, find, offered_token
from freshkey.gateway.runs import Runs
from freshkey.settings.gateway import GatewayClientSettings, GatewaySettings
from freshkey.sockets.peers import Peer
from freshkey.sockets.rules import Rule

from tests.gateway.site import site
from tests.gateway.wire import request

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ME = Peer(1, 1000, 1000, groups=(2000,), unit="a.service")
NOBODY = Peer(0, -1, -1)


def bearer(token: bytes) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"authorization", b"Bearer " + token),)


def found(
    clients: Sequence[Client], peer: Peer, headers: tuple[tuple[bytes, bytes], ...]
) -> Client | None:
    return find(clients, peer, offered_token(headers), Runs())


def test_the_first_entry_that_matches_decides() -> None:
    clients = (
        Client("other", "a", Rule(uid=1001)),
        Client("unit", "b", Rule(uid=1000, unit="a.service")),
        Client("user", "c", Rule(uid=1000)),
    )
    client = found(clients, ME, ())
    assert client is not None
    assert client.name == "unit"
    assert found(clients, ME._replace(uid=1002), ()) is None
    assert found(clients, NOBODY, ()) is None


def test_an_entry_without_conditions_is_for_everybody() -> None:
    assert found([Client("all", "a")], NOBODY, ()) is not None


def test_a_token_is_needed_whole(tmp_path: Path) -> None:
    file = tmp_path / "token"
    clients = (Client("pod", "a", token=TokenFile(file)),)
    assert found(clients, ME, bearer(b"")) is None, "there is no file"
    file.write_text("")
    assert found(clients, ME, bearer(b"")) is None, "an empty one is no token"
    file.write_text("secret-token\n")
    assert found(clients, ME, bearer(b"secret-token")) is not None
    for wrong in (b"", b"secret-toke", b"secret-token2", b"Secret-token", b"\xff"):
        assert found(clients, ME, bearer(wrong)) is None
    file.write_text("another-token")
    assert found(clients, ME, bearer(b"secret-token")) is None, "it was replaced"
    assert found(clients, ME, bearer(b"another-token")) is not None
    file.unlink()
    assert found(clients, ME, bearer(b"another-token")) is None


def test_a_token_beside_a_user_is_needed_as_well(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret-token")
    clients = (Client("both", "a", Rule(uid=1000), TokenFile(file)),)
    assert found(clients, ME, bearer(b"secret-token")) is not None
    assert found(clients, ME._replace(uid=1001), bearer(b"secret-token")) is None
    assert found(clients, ME, ()) is None


@pytest.mark.parametrize(
    "headers",
    [
        bearer(b"t0ken"),
        ((b"Authorization", b"bearer  t0ken "),),
        ((b"Sec-WebSocket-Protocol", b"realtime, openai-insecure-api-key.t0ken"),),
    ],
)
def test_where_clients_put_it(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    assert offered_token(headers) == b"t0ken"


def test_names_and_keys_have_defaults() -> None:
    entries = (GatewayClientSettings(user="0"), GatewayClientSettings(name="n", key="other"))
    settings = GatewaySettings(clients=entries)
    first, second = clients_of(settings, ["billing", "other"])
    assert (first.name, first.key, first.rule.uid) == ("billing", "billing", 0)
    assert (second.name, second.key) == ("n", "other")


async def test_over_tcp_the_owner_of_the_connection_counts() -> None:
    for uid, status in ((os.geteuid(), b"200"), (os.geteuid() + 1, b"403")):
        async with site(clients=[Client("me", "billing", Rule(uid=uid))]) as gateway:
            answer = await gateway.exchange(request(b"{}"))
            assert answer.startswith(b"HTTP/1.1 " + status)
            assert gateway.done[0].peer.uid == os.geteuid()
