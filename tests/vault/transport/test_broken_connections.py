"""Connections that are not made, break off, or stall, by real sockets: each one is told apart."""

from __future__ import annotations

import socket
import struct

import pytest
import trio
from freshkey.core.model.faults import FaultError, FaultKind
from freshkey.settings.model import VaultSettings
from freshkey.vault.transport.connection import Connection
from freshkey.vault.transport.tls import Trust

from tests.vault.calls import MINTED, fault, refusing
from tests.vault.servers import ScriptedServer


async def test_nothing_listens() -> None:
    found = await fault(refusing())
    assert found.kind is FaultKind.UNREACHABLE
    assert found.message.endswith("can't be reached: connection refused")
    assert not found.unanswered


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 64 + ".invalid"])
async def test_an_unknown_name(host: str) -> None:
    found = await fault(f"http://{host}:8200")
    assert found.kind is FaultKind.UNREACHABLE
    assert not found.unanswered


async def test_an_ipv6_address_without_a_port() -> None:
    found = await fault("http://[::1]/vault")
    assert found.kind is FaultKind.UNREACHABLE
    assert found.message.startswith("Vault at http://[::1]/vault can't be reached")


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("sent", [b"", MINTED[:-10]])
async def test_a_connection_that_ends_early(sent: bytes) -> None:
    with ScriptedServer(sent) as server:
        found = await fault(server.address)
    assert found.kind is FaultKind.UNREACHABLE
    assert found.message.endswith("ended the connection before its answer was whole")
    assert found.unanswered


async def test_a_chunked_answer_that_ends_early() -> None:
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with ScriptedServer(head + b'20\r\n{"lease_id"') as server:
        found = await fault(server.address)
    assert found.unanswered
    assert found.kind is FaultKind.UNREACHABLE


async def test_a_reset_connection() -> None:
    with ScriptedServer(reset) as server:
        found = await fault(server.address)
    assert found.kind is FaultKind.UNREACHABLE
    assert found.unanswered


async def test_no_answer() -> None:
    with ScriptedServer.silent() as server:
        found = await fault(server.address, seconds=0.2)
    assert found.kind is FaultKind.UNREACHABLE
    assert found.message.endswith("gave no answer within 0.2 s")
    assert found.unanswered


HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    "head", [HEAD[:13], HEAD, HEAD + b"\r\n"], ids=["a reason", "a header", "a body"]
)
async def test_a_trickle_does_not_hold_it_up(head: bytes) -> None:
    def trickle(client: socket.socket) -> None:
        client.sendall(head)
        while not server.wait(0.05):
            client.sendall(b"H")

    with ScriptedServer(trickle) as server, trio.fail_after(5):
        found = await fault(server.address, seconds=0.3)
    assert found.message.endswith("gave no answer within 0.3 s")
    assert found.unanswered


async def test_a_cut_that_finds_no_socket_yet_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name may be looked up for longer than a call may take."""
    connection = Connection(
        "http://vault:8200", Trust(VaultSettings(address="http://vault:8200")), 0.5
    )
    ours, theirs = socket.socketpair()

    def connect(*_: object) -> socket.socket:
        connection.cut()
        return ours

    monkeypatch.setattr(socket, "create_connection", connect)
    with theirs:
        with pytest.raises(FaultError) as caught:
            connection.request("GET", "/v1/sys/health", None, {})
        assert theirs.recv(1) == b""
    assert caught.value.fault.message.endswith("can't be reached: no connection within 0.5 s")
    assert not caught.value.fault.unanswered


@pytest.mark.parametrize("proxied", [False, True])
async def test_a_cut_is_told_as_what_it_is(
    monkeypatch: pytest.MonkeyPatch,
    proxied: bool,
) -> None:
    """Whatever the end looks like: TLS that breaks off, or no answer to CONNECT."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        place = f"127.0.0.1:{deaf.getsockname()[1]}"
        if proxied:
            monkeypatch.setenv("HTTPS_PROXY", place)
        found = await fault("https://vault.example" if proxied else f"https://{place}", seconds=0.3)
    assert found.message.endswith(": no connection within 0.3 s")
    assert not found.unanswered


@pytest.mark.parametrize("name", ["a..b", ".vault", "x" * 64])
async def test_a_name_that_tls_can_not_take_opens_no_socket(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "https://127.0.0.1:1"
    trust = Trust(VaultSettings(address=address, tls_server_name=name))
    monkeypatch.setattr(socket, "create_connection", pytest.fail)
    with pytest.raises(FaultError) as caught:
        Connection(address, trust, 0.5).request("GET", "/", None, {})
    assert caught.value.fault.message.endswith(
        "its name, or vault.tls_server_name, is no host name"
    )
