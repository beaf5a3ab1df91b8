"""Calls that are cancelled or given up: a mint is seen to its end, every other call ends."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.core.model.faults import FaultError
from freshkey.core.model.secret import Secret

from tests.vault.calls import MINTED, PATH, TOKEN, mint
from tests.vault.conftest import make_client
from tests.vault.servers import ScriptedServer

if TYPE_CHECKING:
    from freshkey.core.model.faults import Fault
    from freshkey.vault.client import VaultClient


async def fail_to_mint(client: VaultClient, faults: list[Fault]) -> None:
    with pytest.raises(FaultError) as caught:
        await client.mint(TOKEN, PATH, "api_key", None)
    faults.append(caught.value.fault)


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
    faults: list[Fault] = []

    def silent(client: socket.socket) -> None:
        asked.set()
        client.recv(1)

    with ScriptedServer(silent) as server, trio.fail_after(5):
        client = make_client(server.address)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail_to_mint, client, faults)
            await trio.to_thread.run_sync(asked.wait)
            nursery.cancel_scope.cancel()
            client.give_up()
    assert [fault.unanswered for fault in faults] == [True]
    told = "gave no answer until the agent, which stops or reloads, gave it up"
    assert faults[0].message == f"Vault at {server.address} {told}", (
        "not how long it could have had"
    )


async def test_a_mint_that_is_given_up_goes_to_no_other_node() -> None:
    faults: list[Fault] = []
    with socket.create_server(("127.0.0.1", 0)) as deaf, ScriptedServer(MINTED) as good:
        address = f"https://127.0.0.1:{deaf.getsockname()[1]}"
        client = make_client(address, addresses=(good.address,))
        with trio.fail_after(4):  # less than the 5 s for connecting
            async with trio.open_nursery() as nursery:
                nursery.start_soon(fail_to_mint, client, faults)
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
