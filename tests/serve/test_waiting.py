"""`?wait=`: an answer that comes when there is another key, over real sockets in virtual time."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

import pytest
import trio
from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import replace
from freshkey.core.model.view import KeyStatus, KeyView
from freshkey.sockets.server import Limits
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.serve.site import FRESH, PUBLICATION, TAG, get

if TYPE_CHECKING:
    from tests.serve.site import Client, Site

NEXT: Final = replace(
    FRESH, publication=replace(PUBLICATION, generation=8, secret=Secret("sk-next"))
)
WITHDRAWN: Final = KeyView("billing", KeyStatus.WITHDRAWN)
HELD: Final = f'If-None-Match: "{TAG}"'


def wait_for(wait: str, *headers: str, method: str = "GET") -> bytes:
    return get(f"/v1/keys/billing?wait={wait}", *headers, method=method)


async def test_another_key_answers_at_once(site: Site, mock_clock: MockClock) -> None:
    await site.start()
    with site.connect() as client:
        client.send(wait_for("30s", HELD))
        await wait_all_tasks_blocked()
        mock_clock.jump(29)
        assert site.reads.outcomes == []
        site.published_keys.show(FRESH)  # the same key once more is no news
        await wait_all_tasks_blocked()
        assert site.reads.outcomes == []
        site.published_keys.show(NEXT)
        reply = await client.reply()
        assert (reply.status, reply.json["generation"]) == (200, 8)
        assert site.reads.outcomes == ["served"]


async def test_without_another_key_304_comes_after_the_wait(
    site: Site, mock_clock: MockClock
) -> None:
    await site.start()
    with site.connect() as client:
        client.send(wait_for("30s", HELD))
        await wait_all_tasks_blocked()
        mock_clock.jump(29.9)
        await wait_all_tasks_blocked()
        assert site.reads.outcomes == []
        mock_clock.jump(0.2)
        assert (await client.reply()).status == 304
        assert site.reads.outcomes == ["not_modified"]


async def test_nobody_waits_longer_than_five_minutes(site: Site, mock_clock: MockClock) -> None:
    await site.start()
    with site.connect() as client:
        client.send(wait_for("2h", HELD))
        await wait_all_tasks_blocked()
        mock_clock.jump(299)
        await wait_all_tasks_blocked()
        assert site.reads.outcomes == []
        mock_clock.jump(2)
        assert (await client.reply()).status == 304


@pytest.mark.parametrize("header", ["X: y", 'If-None-Match: "6-00000000"'])
async def test_who_does_not_hold_the_key_gets_it_at_once(site: Site, header: str) -> None:
    await site.start()
    with site.connect() as client:
        assert (await client.ask(wait_for("30", header))).json["tag"] == TAG


@pytest.mark.parametrize("view", [KeyView("billing", KeyStatus.STARTING), WITHDRAWN])
async def test_a_first_key_is_waited_for(site: Site, view: KeyView) -> None:
    await site.start()
    site.published_keys.show(view)
    with site.connect() as client:
        client.send(wait_for("30"))
        await wait_all_tasks_blocked()
        site.published_keys.show(FRESH)
        assert (await client.reply()).json["tag"] == TAG


async def test_without_any_key_503_comes_after_the_wait(site: Site, mock_clock: MockClock) -> None:
    await site.start()
    site.published_keys.show(WITHDRAWN)
    with site.connect() as client:
        client.send(wait_for("30"))
        await wait_all_tasks_blocked()
        assert site.reads.outcomes == []
        mock_clock.jump(30.1)
        reply = await client.reply()
        assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, "no_key", "1")
        assert site.reads.outcomes == ["no_key"]


async def test_a_withdrawal_is_no_other_key(site: Site, mock_clock: MockClock) -> None:
    await site.start()
    with site.connect() as client, site.connect() as patient:
        client.send(wait_for("20", HELD))
        patient.send(wait_for("40", HELD))
        await wait_all_tasks_blocked()
        site.published_keys.show(WITHDRAWN)
        mock_clock.jump(20.1)
        assert (await client.reply()).code == "no_key"
        site.published_keys.show(
            FRESH
        )  # published again, as a stale key that OpenAI takes after all
        await wait_all_tasks_blocked()
        site.published_keys.show(NEXT)
        assert (await patient.reply()).json["generation"] == 8


async def test_the_key_that_is_shown_as_the_wait_ends_is_answered_whole(
    site: Site, mock_clock: MockClock
) -> None:
    await site.start()
    with site.connect() as client:
        client.send(wait_for("30", HELD))
        await wait_all_tasks_blocked()
        mock_clock.jump(30.1)
        site.published_keys.show(NEXT)
        reply = await client.reply()
        assert (reply.json["tag"], reply.json["key"]) == (
            site.published_keys.tag("billing"),
            "sk-next",
        )


async def test_a_wrong_wait_is_told_and_waited_for_by_nobody(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        reply = await client.ask(wait_for("soon", HELD))
        assert (reply.status, reply.code) == (400, "bad_request")
        assert "wait is not a duration" in reply.json["detail"]
        assert (await client.ask(get("/v1/keys/other?wait=30"))).code == "unknown_key"
        assert (await client.ask(get("/v1/keys/billing?weight=x"))).status == 200
    assert site.reads.outcomes == ["bad_request", "unknown_key", "served"]


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


async def test_head_waits_too(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        client.send(wait_for("30", HELD, method="HEAD"))
        await wait_all_tasks_blocked()
        site.published_keys.show(NEXT)
        assert (await client.reply(body=False)).status == 200
        assert (await client.ask(get("/livez"))).body == b"ok\n"


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
