"""Odd answers and broken connections, by real sockets: each one is told apart."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading

import pytest
import trio
from freshkey.core.model.faults import FaultError, FaultKind
from freshkey.core.model.secret import Secret
from freshkey.settings.model import VaultSettings
from freshkey.vault.transport.connection import Connection
from freshkey.vault.transport.tls import Trust

from tests.vault.calls import MINTED, PATH, TOKEN, fault, mint, refusing
from tests.vault.conftest import make_client
from tests.vault.servers import ScriptedServer, answer


async def test_what_is_sent() -> None:
    with ScriptedServer(MINTED) as server:
        grant = await mint(server.address + "/base")
    request = server.requests[0]
    assert request.line == f"GET /base/v1/{PATH} HTTP/1.1"
    assert request.headers["x-vault-token"] == TOKEN.reveal()
    assert request.headers["x-vault-request"] == "true"
    assert request.headers["x-vault-namespace"] == "team"
    assert grant.secret == Secret("sk-1")


async def test_environment_gives_no_token_or_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VAULT_ADDR", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, refusing())
    monkeypatch.setenv("VAULT_TOKEN", "hvs.other")
    monkeypatch.setenv("VAULT_NAMESPACE", "other")
    with ScriptedServer(answer(body={})) as server:
        await make_client(server.address).ping()
    assert not {"x-vault-token", "x-vault-namespace"} & set(server.requests[0].headers)


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


HTML = answer(200, b"<html>Please log in</html>", content_type="text/html")


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (HTML, "status 200, text/html"),
        (answer(404, b"", content_type=""), "status 404, no content type"),
        (answer(200, b""), "status 200, application/json"),
        (answer(200, [1]), "status 200, application/json"),
        (answer(200, b'{"lease_id": "x'), "status 200, application/json"),
        (answer(200, b"[" * 100_000), "status 200, application/json"),
        (answer(200, {"ok": True}), f"JSON without what a read of {PATH} gives"),
        (answer(500, {"error": "x"}), "status 500, application/json"),
        (answer(200, b" " * ((1 << 20) + 1)), "with more than 1 MiB"),
        (b"220 mail.example ESMTP\r\n", "not in HTTP"),
        (HTML.replace(b"Content-Length", b"Content-Length: 7\r\nContent-Length"), "not in HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: " + b"x" * 70_000, "not in HTTP"),
    ],
)
async def test_an_address_that_is_not_vault(sent: bytes, reason: str) -> None:
    with ScriptedServer(sent) as server:
        found = await fault(server.address)
    assert found.kind is FaultKind.MALFORMED
    assert found.message.startswith(f"the address answers, but not as Vault does: {reason}")
    assert "log in" not in found.message
    assert found.unanswered


async def test_plain_http_to_a_tls_port() -> None:
    body = b"Client sent an HTTP request to an HTTPS server.\n"
    with ScriptedServer(answer(400, body, content_type="text/plain")) as server:
        found = await fault(server.address)
    assert "it speaks https only" in found.message
    assert not found.unanswered


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


def connection_to(address: str) -> Connection:
    return Connection(address, Trust(VaultSettings(address=address)), 0.5)


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
    proxied: bool,  # noqa: FBT001
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


@pytest.mark.parametrize(
    ("target", "header"),
    [("/v1/a b", "x"), ("/v1/a\r\nB: c", "x"), ("/v1/ä", "x"), ("/", "x\r\ny")],
)
async def test_what_no_request_can_carry_is_not_sent(target: str, header: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        connection = connection_to(address)
        with pytest.raises(FaultError) as caught:
            connection.request("GET", target, None, {"X": header})
    assert caught.value.fault.kind is FaultKind.BAD_REQUEST
    assert caught.value.fault.message == (
        "the request can't be sent: it holds characters that no request can carry"
    )


async def test_a_mint_is_not_abandoned() -> None:
    asked = threading.Event()
    grants = []

    def slow(client: socket.socket) -> None:
        asked.set()
        server.wait(0.3)
        client.sendall(MINTED)

    with ScriptedServer(slow) as server:
        async with trio.open_nursery() as nursery:

            async def minting() -> None:
                grants.append(await mint(server.address))

            nursery.start_soon(minting)
            await trio.to_thread.run_sync(asked.wait)
            nursery.cancel_scope.cancel()
    assert [grant.secret for grant in grants] == [Secret("sk-1")]


async def test_a_mint_ends_when_it_is_given_up() -> None:
    asked = threading.Event()
    faults = []

    def silent(client: socket.socket) -> None:
        asked.set()
        client.recv(1)

    with ScriptedServer(silent) as server, trio.fail_after(5):
        client = make_client(server.address)
        async with trio.open_nursery() as nursery:

            async def minting() -> None:
                with pytest.raises(FaultError) as caught:
                    await client.mint(TOKEN, PATH, "api_key", None)
                faults.append(caught.value.fault)

            nursery.start_soon(minting)
            await trio.to_thread.run_sync(asked.wait)
            nursery.cancel_scope.cancel()
            client.give_up()
    assert [fault.unanswered for fault in faults] == [True]
    told = "gave no answer until the agent, which stops or reloads, gave it up"
    assert faults[0].message == f"Vault at {server.address} {told}", (
        "not how long it could have had"
    )


async def test_a_mint_that_is_given_up_goes_to_no_other_node() -> None:
    faults = []
    with socket.create_server(("127.0.0.1", 0)) as deaf, ScriptedServer(MINTED) as good:
        address = f"https://127.0.0.1:{deaf.getsockname()[1]}"
        client = make_client(address, addresses=(good.address,))
        with trio.fail_after(4):  # less than the 5 s for connecting
            async with trio.open_nursery() as nursery:

                async def minting() -> None:
                    with pytest.raises(FaultError) as caught:
                        await client.mint(TOKEN, PATH, "api_key", None)
                    faults.append(caught.value.fault)

                nursery.start_soon(minting)
                accepted, _ = await trio.to_thread.run_sync(deaf.accept)
                with accepted:
                    await trio.to_thread.run_sync(accepted.recv, 1)  # the handshake has begun
                    client.give_up()
    assert [fault.unanswered for fault in faults] == [False]
    assert "no connection until the agent, which stops or reloads, gave it up" in faults[0].message
    assert not good.requests


async def test_every_other_call_ends_when_it_is_cancelled() -> None:
    asked, ended = threading.Event(), threading.Event()

    def silent(client: socket.socket) -> None:
        asked.set()
        client.recv(1)  # until the other side has closed
        ended.set()

    with ScriptedServer(silent) as server, trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            client = make_client(server.address)
            nursery.start_soon(client.look_up_lease, TOKEN, "x")
            await trio.to_thread.run_sync(asked.wait)
            nursery.cancel_scope.cancel()
        assert await trio.to_thread.run_sync(ended.wait, 5)


async def test_a_token_that_no_header_can_carry() -> None:
    with ScriptedServer(MINTED) as server:
        for bad in ("hvs.canary\r\nX-Evil: 1", "hvs.canary\u00e9"):
            with pytest.raises(FaultError) as caught:
                await make_client(server.address).look_up_lease(Secret(bad), "x")
            assert caught.value.fault.kind is FaultKind.BAD_REQUEST
            assert "canary" not in str(caught.value)
    assert not server.requests


# The nodes of a cluster.


def test_hvac_is_imported_when_it_is_first_needed() -> None:
    program = """
import sys
import freshkey.vault.client
print({"hvac", "requests", "urllib3"} & set(sys.modules))
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
