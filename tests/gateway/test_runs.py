"""The tokens of runs: whose they are, for how long, and what an agent that restarts does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.gateway.clients import Client, find, of_peer
from freshkey.gateway.runs import COME_BACK, Runs
from freshkey.sockets.peers import Peer
from freshkey.sockets.rules import Rule

from tests.gateway.site import site
from tests.gateway.wire import request, until

if TYPE_CHECKING:
    from freshkey.core.model.secret import Secret
    from trio.testing import MockClock

TOKEN = "freshkey-run-" + "a" * 43
OTHER = "freshkey-run-" + "b" * 43
OFFERED = TOKEN.encode()
ME = Peer(7, 1000, 1000, unit="a.service")
OVER_TCP = Peer(0, 1000, -1)
EVERYBODY = Client("all", "a")


def test_a_token_is_good_from_its_begin_to_its_end() -> None:
    runs = Runs()
    assert runs.peer(OFFERED) is None
    assert runs.begin(TOKEN, ME)
    assert runs.begin(OTHER, ME._replace(pid=8))
    assert runs.peer(OFFERED) == ME
    for wrong in (OFFERED[:-1], OFFERED + b"a", OFFERED.upper(), b"", b"\xff", b"freshkey-run-"):
        assert runs.peer(wrong) is None
    assert not runs.begin(TOKEN, ME._replace(pid=9)), "it is in use"
    assert runs.peer(OFFERED) == ME
    runs.end(TOKEN)
    assert runs.peer(OFFERED) is None
    assert runs.peer(OTHER.encode()) is not None
    assert runs.begin(TOKEN, ME)


def test_it_stands_for_the_peer_that_brought_it() -> None:
    runs = Runs()
    runs.begin(TOKEN, ME)
    unit = Client("unit", "a", Rule(unit="a.service"))
    assert find([Client("other", "b", Rule(uid=1001)), unit], OVER_TCP, OFFERED, runs) == unit
    assert find([Client("other", "b", Rule(uid=1001))], OVER_TCP, OFFERED, runs) is None
    # After a reload the entries are other ones.
    assert find([EVERYBODY, unit], OVER_TCP._replace(uid=1001), OFFERED, runs) == EVERYBODY


def test_after_its_end_it_is_nobodys() -> None:
    """Not even of the same user, who needs no token."""
    runs = Runs()
    assert find([EVERYBODY], OVER_TCP, OFFERED, runs) is None
    runs.begin(TOKEN, ME)
    assert find([EVERYBODY], OVER_TCP, OFFERED, runs) == EVERYBODY
    runs.end(TOKEN)
    assert find([EVERYBODY], OVER_TCP, OFFERED, runs) is None
    assert find([EVERYBODY], OVER_TCP, b"any", runs) == EVERYBODY


def test_an_entry_with_a_token_file_is_for_others() -> None:
    class Known:
        def value(self) -> Secret | None:
            return None

    entries = [Client("pod", "b", token=Known()), EVERYBODY]
    assert of_peer(entries, ME) == EVERYBODY
    assert of_peer(entries[:1], ME) is None


def test_the_record_names_the_process_of_the_run() -> None:
    runs = Runs()
    runs.begin(TOKEN, ME)
    assert runs.known_as(OVER_TCP, OFFERED) == ME
    stranger = OVER_TCP._replace(uid=1001)
    assert runs.known_as(stranger, OFFERED) == stranger, "another user has got hold of it"
    assert runs.known_as(OVER_TCP, b"any") == OVER_TCP


def test_tokens_are_not_kept() -> None:
    runs = Runs()
    runs.begin(TOKEN, ME)
    assert TOKEN not in repr(vars(runs))


async def test_only_after_a_start_or_reload_a_run_is_waited_for(
    autojump_clock: MockClock,
) -> None:
    runs = Runs()
    began = trio.current_time()
    await runs.wait_for(OFFERED)
    assert trio.current_time() == began, "it has ended, or never was"
    runs.expect()
    await runs.wait_for(b"any")
    assert trio.current_time() == began, "whoever is no run is not kept waiting"
    await trio.sleep(COME_BACK / 4)
    await runs.wait_for(OFFERED)
    assert trio.current_time() == began + COME_BACK
    await runs.wait_for(OFFERED)
    assert trio.current_time() == began + COME_BACK


async def test_a_run_that_comes_back_wakes_who_waits_for_it(
    autojump_clock: MockClock,
) -> None:
    runs = Runs()
    runs.expect()
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(runs.wait_for, OFFERED)
        await trio.sleep(1)
        runs.begin(OTHER, ME)
        await trio.sleep(1)
        runs.begin(TOKEN, ME)
    assert trio.current_time() == began + 2


@pytest.mark.parametrize("token", [OFFERED, OTHER.encode()])
async def test_a_request_with_a_token(token: bytes) -> None:
    async with site() as gateway:
        runs = gateway.gateway.configuration.runs
        me = ME._replace(uid=os.geteuid())
        runs.begin(TOKEN, me)
        sent = request(b"{}").replace(b"Bearer any", b"Bearer " + token)
        answer = await gateway.exchange(sent)
        if token == OFFERED:
            assert answer.startswith(b"HTTP/1.1 200")
            assert gateway.done[0].peer == me
            assert not any(OFFERED in value.encode() for _, value in gateway.requests[0].headers)
        else:
            assert answer.startswith(b"HTTP/1.1 403")
            assert gateway.requests == []


async def test_a_connection_is_asked_at_each_request() -> None:
    """One that was kept open is of no use after the end of its run."""
    async with site() as gateway:
        runs = gateway.gateway.configuration.runs
        runs.begin(TOKEN, ME)
        sent = request(b"{}", close=False).replace(b"Bearer any", b"Bearer " + OFFERED)
        stream = await gateway.connect()
        async with stream:
            await stream.send_all(sent)
            assert (await until(stream, b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            runs.end(TOKEN)
            await stream.send_all(sent)
            assert b"HTTP/1.1 403" in await until(stream, b"peer_not_allowed")


async def test_a_request_before_its_run_is_back_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = trio.Event()
    wait_for = Runs.wait_for

    async def tell(runs: Runs, token: bytes) -> None:
        asked.set()
        await wait_for(runs, token)

    monkeypatch.setattr(Runs, "wait_for", tell)
    async with site() as gateway:
        runs = gateway.gateway.configuration.runs
        runs.expect()
        stream = await gateway.connect()
        async with stream:
            await stream.send_all(request(b"{}").replace(b"Bearer any", b"Bearer " + OFFERED))
            await asked.wait()
            runs.begin(TOKEN, ME)
            assert (await until(stream, b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
