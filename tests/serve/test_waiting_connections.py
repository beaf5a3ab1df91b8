"""Connections on which a request waits: requests behind it, hang-ups, and the agent's stop."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.core.model.struct import replace
from freshkey.sockets.server import Limits
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.serve.client import get
from tests.serve.publication import FRESH, PUBLICATION, TAG
from tests.serve.waiting import HELD, NEXT, wait_for

if TYPE_CHECKING:
    from tests.serve.client import Client
    from tests.serve.site import Site


async def test_requests_behind_a_wait_are_answered_in_order(
    site: Site, mock_clock: MockClock
) -> None:
    await site.start()
    with site.connect() as client:
        client.send(wait_for("30", HELD) + get("/livez"))
        await wait_all_tasks_blocked()
        client.send(wait_for("30", HELD) + get("/readyz"))
        for _ in range(2):
            await wait_all_tasks_blocked()
            mock_clock.jump(30.1)
            assert [(await client.reply()).status for _ in range(2)] == [304, 200]


async def test_after_a_wait_the_next_request_has_its_ten_seconds_and_no_more(
    site: Site, mock_clock: MockClock
) -> None:
    await site.start()
    with site.connect() as client:
        client.send(wait_for("5m", HELD))
        await wait_all_tasks_blocked()
        site.published_keys.show(NEXT)
        await client.reply()
        client.send(get("/livez")[:-2])
        await wait_all_tasks_blocked()
        mock_clock.jump(9.9)
        await wait_all_tasks_blocked()
        assert not client.unread()
        mock_clock.jump(0.2)
        assert (await client.reply()).code == "bad_request"
        assert await client.at_end()


async def test_who_hangs_up_while_waiting_frees_the_place_at_once(site: Site) -> None:
    await site.start(Limits(max_connections=1))
    for _ in range(3):
        with site.connect() as client:
            client.send(wait_for("5m", HELD))
            await wait_all_tasks_blocked()
        await wait_all_tasks_blocked()
        assert await site.serves_others()
        await wait_all_tasks_blocked()
    assert site.reads.outcomes == ["served"] * 3


async def test_who_sent_more_and_hangs_up_is_waited_out(site: Site, mock_clock: MockClock) -> None:
    await site.start(Limits(max_connections=1))
    with site.connect() as client:
        client.send(wait_for("30", HELD))
        await wait_all_tasks_blocked()
        client.send(get("/livez"))
        await wait_all_tasks_blocked()
    mock_clock.jump(30.1)
    await wait_all_tasks_blocked()
    assert await site.serves_others()


async def test_who_only_sends_no_more_gets_the_answer(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        client.send(wait_for("30", HELD))
        client.socket.shutdown(socket.SHUT_WR)
        await wait_all_tasks_blocked()
        site.published_keys.show(NEXT)
        assert (await client.reply()).status == 200
        assert await client.at_end()


@pytest.mark.parametrize("behind", [b"", get("/livez")])
async def test_who_waits_when_the_agent_stops_is_told(site: Site, behind: bytes) -> None:
    await site.start()
    with site.connect() as client:
        client.send(wait_for("5m", HELD) + behind)
        await wait_all_tasks_blocked()
        site.stop.asked.set()
        reply = await client.reply()
        assert (reply.status, reply.code) == (503, "stopping")
        if behind:
            assert (await client.reply()).status == 200
        assert await client.at_end()
        await site.ended.wait()
    assert site.reads.outcomes == ["stopping"]


async def test_who_asks_to_wait_while_the_agent_stops_is_told_at_once(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        client.send(wait_for("5m", HELD) * 2 + get("/v1/keys/billing"))
        site.stop.asked.set()
        assert [(await client.reply()).status for _ in range(3)] == [503, 503, 200]
        assert await client.at_end()
        await site.ended.wait()


async def test_hundreds_wait_for_the_same_key(site: Site) -> None:
    await site.start(Limits(max_connections_per_uid=256))
    clients: list[Client] = []
    for _ in range(4):  # more would not fit into the queue at once
        clients += [site.connect() for _ in range(50)]
        await wait_all_tasks_blocked()
    for client in clients:
        client.send(wait_for("5m", HELD))
    await wait_all_tasks_blocked()
    assert await site.serves_others()
    site.published_keys.show(NEXT)
    for client in clients:
        assert (await client.reply()).status == 200
        client.close()


@pytest.mark.parametrize("shut", [False, True], ids=["the next request", "the end of its requests"])
async def test_news_that_come_with_bytes_are_not_missed(site: Site, *, shut: bool) -> None:
    """The task that waits is woken by either; which one it sees first is chance."""
    await site.start()
    tag = TAG
    for generation in range(8, 28):
        with site.connect() as client:
            client.send(wait_for("5m", f'If-None-Match: "{tag}"'))
            await wait_all_tasks_blocked()
            if shut:
                client.socket.shutdown(socket.SHUT_WR)
            else:
                client.send(get("/livez"))
            await trio.lowlevel.checkpoint()  # in the pass in which it finds the bytes
            publication = replace(PUBLICATION, generation=generation)
            site.published_keys.show(replace(FRESH, publication=publication))
            tag = publication.tag
            with trio.fail_after(5):
                reply = await client.reply()
            assert reply.json["generation"] == generation
