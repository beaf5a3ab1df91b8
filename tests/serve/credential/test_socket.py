"""A socket that writes a key and closes, over real sockets in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.model.view import KeyStatus, KeyView
from freshkey.sockets.rules import Rule
from freshkey.sockets.server import Limits
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.serve.client import Client
from tests.serve.credential.site import Site, a_site, rest_of
from tests.serve.publication import FRESH, KEY, TAG

if TYPE_CHECKING:
    from pathlib import Path

    import trio


async def test_the_key_alone_and_the_end(site: Site) -> None:
    site.published_keys.show(FRESH)
    with Client(site.path) as client:
        assert await rest_of(client) == KEY.encode()
    assert [(event["tag"], event["outcome"]) for event in site.reads.events] == [(TAG, "served")]
    assert sum(site.reads.commits) == 1
    assert [reader["tag"] for reader in site.readers.of("billing")] == [TAG]


async def test_a_first_key_is_waited_for(site: Site) -> None:
    with Client(site.path) as client:
        await wait_all_tasks_blocked()
        assert client.unread() == b""
        site.published_keys.show(FRESH)
        assert await rest_of(client) == KEY.encode()


async def test_without_a_key_the_end_comes_after_half_a_minute(
    site: Site, mock_clock: MockClock
) -> None:
    site.published_keys.show(KeyView("billing", KeyStatus.WITHDRAWN))
    with Client(site.path) as client:
        await wait_all_tasks_blocked()
        mock_clock.jump(29.9)
        await wait_all_tasks_blocked()
        assert site.reads.events == []
        mock_clock.jump(0.1)
        assert await client.at_end()
    assert site.reads.outcomes == ["no_key"]


async def test_a_stop_ends_the_wait(site: Site) -> None:
    with Client(site.path) as client:
        await wait_all_tasks_blocked()
        site.handover.expect_no_server()
        site.stop.asked.set()
        assert await client.at_end()
    assert site.reads.outcomes == ["stopping"]


async def test_who_hangs_up_first_has_read_nothing(site: Site) -> None:
    with Client(site.path):
        await wait_all_tasks_blocked()
    await wait_all_tasks_blocked()
    site.published_keys.show(FRESH)
    await wait_all_tasks_blocked()
    assert site.reads.events == []


async def test_who_sends_something_gets_the_key_all_the_same(site: Site) -> None:
    """Such as an HTTP client that has the wrong socket: it learns so from what it reads."""
    with Client(site.path) as client:
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        await wait_all_tasks_blocked()
        site.published_keys.show(FRESH)
        assert await rest_of(client) == KEY.encode()


async def test_who_may_not_read_gets_the_end(nursery: trio.Nursery, tmp_path: Path) -> None:
    with a_site(nursery, tmp_path / "credential", [Rule(uid=4711)]) as site:
        await site.start()
        site.published_keys.show(FRESH)
        with Client(site.path) as client:
            assert await client.at_end()
    assert site.reads.outcomes == ["peer_not_allowed"]
    assert sum(site.reads.commits) == 1, "the record of it is written at once"


async def test_without_room_nothing_is_written_that_could_be_taken_for_a_key(
    nursery: trio.Nursery, tmp_path: Path
) -> None:
    with a_site(nursery, tmp_path / "credential", []) as site:
        await site.start(Limits(max_connections=1))
        with Client(site.path), Client(site.path) as other:
            await wait_all_tasks_blocked()
            assert await other.at_end()
            assert site.reads.outcomes == ["busy"]
            assert sum(site.reads.commits) == 1, "the record of it is written at once"
