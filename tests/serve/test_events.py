"""Server-sent events: the key at once, and every one that follows, over real sockets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import replace
from freshkey.core.model.view import KeyStatus, KeyView
from freshkey.sockets.rules import Rule
from freshkey.sockets.server import Limits
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.serve.client import get
from tests.serve.publication import FRESH, KEY, PUBLICATION, TAG

if TYPE_CHECKING:
    from tests.serve.client import Client
    from tests.serve.site import Site

EVENTS: Final = "/v1/keys/billing/events"


def generation(number: int) -> KeyView:
    secret = Secret(f"sk-next-{number}")
    return replace(FRESH, publication=replace(PUBLICATION, generation=number, secret=secret))


async def heard(client: Client) -> list[str]:
    """What has come since, blank line by blank line."""
    await wait_all_tasks_blocked()
    data = client.take()
    assert not data or data.endswith(b"\n\n")
    return data.decode().split("\n\n")[:-1]


def content(event: str) -> dict[str, Any]:
    lines = dict(line.split(": ", 1) for line in event.split("\n"))
    found: dict[str, Any] = json.loads(lines["data"])
    assert lines == {"event": "key", "id": found["tag"], "data": lines["data"]}
    return found


async def connected(site: Site, *headers: str) -> Client:
    client = site.connect()
    client.send(get(EVENTS, *headers))
    reply = await client.head()
    assert reply.status == 200
    assert reply.headers == {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store",
        "Connection": "close",
    }
    return client


async def test_the_key_comes_at_once_and_then_every_other_one(
    site: Site, mock_clock: MockClock
) -> None:
    await site.start()
    with await connected(site) as client:
        (first,) = await heard(client)
        assert content(first)["key"] == KEY
        site.published_keys.show(FRESH)  # no news
        assert await heard(client) == []
        for number in (8, 9):
            site.published_keys.show(generation(number))
            (event,) = await heard(client)
            assert content(event)["generation"] == number
    assert site.reads.outcomes == ["served"] * 3


async def test_a_comment_every_15_s_keeps_it_alive(site: Site, mock_clock: MockClock) -> None:
    await site.start()
    with await connected(site) as client:
        await heard(client)
        for _ in range(100):
            mock_clock.jump(14.9)
            assert await heard(client) == []
            mock_clock.jump(0.1)
            assert await heard(client) == [":"]
        site.published_keys.show(generation(8))
        assert len(await heard(client)) == 1


async def test_who_comes_back_gets_only_what_is_new(site: Site, mock_clock: MockClock) -> None:
    await site.start()
    with await connected(site, f"Last-Event-ID: {TAG}") as client:
        assert await heard(client) == []
        site.published_keys.show(generation(8))
        assert content((await heard(client))[0])["generation"] == 8
    with await connected(site, f"Last-Event-ID: {TAG}") as client:
        assert content((await heard(client))[0])["generation"] == 8


@pytest.mark.parametrize("status", [KeyStatus.STARTING, KeyStatus.WITHDRAWN])
async def test_without_a_key_it_waits_for_one(
    site: Site, mock_clock: MockClock, status: KeyStatus
) -> None:
    await site.start()
    site.published_keys.show(KeyView("billing", status))
    with await connected(site) as client:
        assert await heard(client) == []
        site.published_keys.show(FRESH)
        assert content((await heard(client))[0])["tag"] == TAG


async def test_a_withdrawal_is_no_news(site: Site, mock_clock: MockClock) -> None:
    await site.start()
    with await connected(site) as client:
        await heard(client)
        site.published_keys.show(KeyView("billing", KeyStatus.WITHDRAWN))
        assert await heard(client) == []
        site.published_keys.show(FRESH)
        assert await heard(client) == [], "it has that one"


async def test_a_head_is_all_that_head_gets(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        client.send(get(EVENTS, method="HEAD"))
        assert (await client.reply(body=False)).headers["Content-Type"] == "text/event-stream"
        assert site.reads.outcomes == []


async def test_it_is_for_those_who_may_read_the_key(site: Site) -> None:
    site.rules = {"billing": [Rule(uid=4711)]}
    await site.start()
    with site.connect() as client:
        assert (await client.ask(get(EVENTS))).code == "peer_not_allowed"
        assert (await client.ask(get("/v1/keys/other/events"))).code == "unknown_key"
    assert site.reads.outcomes == ["peer_not_allowed", "unknown_key"]


async def test_a_watcher_that_hangs_up_is_forgotten(site: Site, mock_clock: MockClock) -> None:
    await site.start(Limits(max_connections=1))
    with await connected(site):
        pass
    await wait_all_tasks_blocked()
    assert await site.serves_others()
    site.published_keys.show(generation(8))
    assert site.reads.outcomes == ["served"] * 2


async def test_a_watcher_that_reads_nothing_is_dropped(site: Site, mock_clock: MockClock) -> None:
    await site.start(Limits(max_connections=2, patience=10))
    with await connected(site), site.connect() as other:
        for number in range(8, 1500):  # more than the kernel holds back
            site.published_keys.show(generation(number))
            await wait_all_tasks_blocked()
        assert (await other.ask(get("/v1/keys/billing"))).json["generation"] == 1499
        other.close()
        mock_clock.jump(11)
        await wait_all_tasks_blocked()
        clients = [site.connect() for _ in range(2)]
        for client in clients:  # both places are free again
            assert (await client.ask(get("/livez"))).status == 200
            client.close()


async def test_a_stop_ends_it_and_says_so(site: Site, mock_clock: MockClock) -> None:
    await site.start()
    with await connected(site) as client:
        await heard(client)
        site.stop.asked.set()
        assert await heard(client) == [": the agent stops or reloads"]
        assert await client.at_end()
    await site.ended.wait()
