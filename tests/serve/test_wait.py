"""Waiting for the next key on the socket."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from freshkey.core.secret import Secret
from freshkey.core.view import KeyStatus, KeyView
from freshkey.serve.server import Limits
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.serve.site import FRESH, PUBLICATION, TAG, get

if TYPE_CHECKING:
    from tests.serve.site import Client, Site

HELD = f'If-None-Match: "{TAG}"'
NEXT = KeyView("billing", KeyStatus.FRESH, replace(PUBLICATION, generation=8, secret=Secret("k2")))
NONE = KeyView("billing", KeyStatus.WITHDRAWN)


async def ask_to_wait(client: Client, wait: str = "30s", *headers: str) -> None:
    client.send(get(f"/v1/keys/billing?wait={wait}", *headers))
    await wait_all_tasks_blocked()


async def test_the_next_key_is_told_at_once(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        await ask_to_wait(client, "30s", HELD)
        assert site.reads.events == [], "nothing was answered yet"
        site.board.show(replace(FRESH, status=KeyStatus.STALE))
        await wait_all_tasks_blocked()
        site.board.show(NEXT)
        reply = await client.reply()
        assert (reply.status, reply.json["generation"]) == (200, 8)
        assert site.reads.outcomes == ["served"]
        assert (await client.ask(get("/livez"))).status == 200, "the connection goes on"


async def test_another_tag_is_told_without_a_wait(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        client.send(get("/v1/keys/billing?wait=30s", 'If-None-Match: "6-00000000"'))
        assert (await client.reply()).status == 200
        assert (await client.ask(get("/v1/keys/billing?wait=30s"))).status == 200


@pytest.mark.parametrize(("wait", "seconds"), [("30s", 30), ("7", 7), ("2h", 300)])
async def test_nothing_new_is_told_after_the_wait(
    site: Site, mock_clock: MockClock, wait: str, seconds: float
) -> None:
    await site.start()
    with site.connect() as client:
        await ask_to_wait(client, wait, HELD)
        mock_clock.jump(seconds - 0.1)
        await wait_all_tasks_blocked()
        assert site.reads.events == []
        mock_clock.jump(0.2)
        assert (await client.reply(body=False)).status == 304
        mock_clock.jump(9)
        await wait_all_tasks_blocked()
        assert (await client.ask(get("/livez"))).status == 200, "it has its time again"


async def test_a_first_key_is_waited_for(site: Site, mock_clock: MockClock) -> None:
    await site.start()
    site.board.show(KeyView("billing", KeyStatus.STARTING))
    with site.connect() as client, site.connect() as other:
        await ask_to_wait(client)
        await ask_to_wait(other, "5s")
        mock_clock.jump(5.1)
        assert (await other.reply()).code == "no_key"
        site.board.show(FRESH)
        assert (await client.reply()).status == 200


async def test_a_withdrawn_key_is_waited_out(site: Site, mock_clock: MockClock) -> None:
    await site.start()
    with site.connect() as client:
        await ask_to_wait(client, "30s", HELD)
        site.board.show(NONE)
        await wait_all_tasks_blocked()
        assert site.reads.events == []
        mock_clock.jump(30.1)
        assert (await client.reply()).code == "no_key"


@pytest.mark.parametrize("wait", ["", "soon", "-1", "1.5", "%00"])
async def test_a_wait_that_is_no_duration(site: Site, wait: str) -> None:
    await site.start()
    with site.connect() as client:
        reply = await client.ask(get(f"/v1/keys/billing?wait={wait}", HELD))
        assert (reply.status, reply.code) == (400, "bad_request")


async def test_what_is_pipelined_behind_a_wait_is_answered_after_it(
    site: Site, mock_clock: MockClock
) -> None:
    await site.start()
    with site.connect() as client:
        client.send(get("/v1/keys/billing?wait=20s", HELD) + get("/livez"))
        await wait_all_tasks_blocked()
        mock_clock.jump(20.1)
        assert (await client.reply(body=False)).status == 304
        assert (await client.reply()).body == b"ok\n"


async def test_who_hangs_up_frees_the_place_within_a_second(
    site: Site, mock_clock: MockClock
) -> None:
    await site.start(Limits(max_connections=2))
    for pipelined in (b"", get("/livez")):
        with site.connect() as client:
            client.send(get("/v1/keys/billing?wait=5m", HELD) + pipelined)
            await wait_all_tasks_blocked()
    mock_clock.jump(1.1)
    await wait_all_tasks_blocked()
    assert await site.serves_others()
    assert site.reads.outcomes == ["served"]


async def test_who_sends_no_more_gets_its_answer(site: Site, mock_clock: MockClock) -> None:
    await site.start()
    with site.connect() as client:
        client.send(get("/v1/keys/billing?wait=30s", HELD))
        client.socket.shutdown(1)
        for _ in range(3):
            await wait_all_tasks_blocked()
            mock_clock.jump(1.1)
        site.board.show(NEXT)
        assert (await client.reply()).status == 200
        assert await client.at_end()


async def test_who_waits_at_the_end_is_told(site: Site) -> None:
    await site.start()
    with site.connect() as client, site.connect() as other:
        await ask_to_wait(client, "5m", HELD)
        await ask_to_wait(other, "5m", HELD)
        site.stop.set()
        for each in (client, other):
            reply = await each.reply()
            assert (reply.status, reply.code) == (503, "stopping")
            assert reply.headers["Retry-After"] == "1"
            assert await each.at_end()
        await site.ended.wait()


async def test_hundreds_of_waiters_cost_others_nothing(site: Site) -> None:
    await site.start(Limits(max_connections_per_uid=500))
    clients = [site.connect() for _ in range(200)]
    for client in clients:
        client.send(get("/v1/keys/billing?wait=5m", HELD))
    await wait_all_tasks_blocked()
    assert await site.serves_others()
    site.board.show(NEXT)
    for client in clients:
        assert (await client.reply()).json["generation"] == 8
        client.close()
