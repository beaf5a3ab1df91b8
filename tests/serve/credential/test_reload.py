"""Who waits for a first key at a credential socket goes on waiting over a reload."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.sockets.server import Limits
from trio.testing import wait_all_tasks_blocked

from tests.serve.client import Client
from tests.serve.credential.site import Site, a_site, rest_of
from tests.serve.publication import FRESH, KEY

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_reload_does_not_end_the_wait(site: Site) -> None:
    with Client(site.path) as client:
        await wait_all_tasks_blocked()
        for _ in range(3):
            await site.reload()
            await wait_all_tasks_blocked()
            assert client.unread() == b""
        site.published_keys.show(FRESH)
        assert await rest_of(client) == KEY.encode()
    assert site.reads.outcomes == ["served"]


@pytest.mark.parametrize("passes", [0, 1, 100])
async def test_all_who_waited_over_a_reload_are_told_of_a_stop(site: Site, passes: int) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(site.path)) for _ in range(20)]
        await wait_all_tasks_blocked()
        await site.reload()
        for _ in range(passes):
            await trio.lowlevel.checkpoint()
        site.handover.expect_no_server()
        site.stop.asked.set()
        for client in clients:
            assert await client.at_end()
    assert site.reads.outcomes == ["stopping"] * 20


async def test_who_hangs_up_after_a_reload_has_read_nothing(site: Site) -> None:
    with Client(site.path):
        await wait_all_tasks_blocked()
        await site.reload()
        await wait_all_tasks_blocked()
    await wait_all_tasks_blocked()
    site.published_keys.show(FRESH)
    await wait_all_tasks_blocked()
    assert site.reads.events == []


async def test_who_sends_no_more_waits_over_a_reload_too(site: Site) -> None:
    with Client(site.path) as client:
        client.socket.shutdown(socket.SHUT_WR)
        for _ in range(2):
            await wait_all_tasks_blocked()
            await site.reload()
        await wait_all_tasks_blocked()
        site.published_keys.show(FRESH)
        assert await rest_of(client) == KEY.encode()


async def test_who_sends_something_after_a_reload_gets_the_key_all_the_same(site: Site) -> None:
    with Client(site.path) as client:
        await wait_all_tasks_blocked()
        await site.reload()
        await wait_all_tasks_blocked()
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        await wait_all_tasks_blocked()
        site.published_keys.show(FRESH)
        assert await rest_of(client) == KEY.encode()


async def test_who_waits_keeps_its_place_over_a_reload(
    nursery: trio.Nursery, tmp_path: Path
) -> None:
    limits = Limits(max_connections=1)
    with a_site(nursery, tmp_path / "credential", []) as site:
        await site.start(limits)
        with Client(site.path) as client:
            await wait_all_tasks_blocked()
            await site.reload(limits)
            await wait_all_tasks_blocked()
            with Client(site.path) as other:
                assert await other.at_end()
            site.published_keys.show(FRESH)
            assert await rest_of(client) == KEY.encode()
    assert site.reads.outcomes == ["busy", "served"]


async def test_who_waits_for_a_socket_that_is_configured_no_more_reads_the_end(site: Site) -> None:
    with Client(site.path) as client:
        await wait_all_tasks_blocked()
        site.stop.asked.set()
        await wait_all_tasks_blocked()
        assert client.unread() == b""
        site.handover.close()
        assert await client.at_end()
