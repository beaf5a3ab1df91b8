"""The end of the server: what has arrived is answered, within its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.sockets.server import Limits
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.serve.client import get

if TYPE_CHECKING:
    from tests.serve.site import Site


async def test_connections_at_rest_are_closed_and_the_file_is_gone(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        await client.ask(get("/livez"))
        site.stop.asked.set()
        assert await client.at_end()
        await site.ended.wait()
    assert not site.path.exists()


async def test_requests_that_were_sent_before_are_answered(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        await client.ask(get("/livez"))
        client.send(get("/v1/keys/billing") * 3)
        site.stop.asked.set()
        for _ in range(3):
            assert (await client.reply()).status == 200
        assert await client.at_end()


async def test_so_are_those_of_connections_that_were_not_accepted_yet(site: Site) -> None:
    await site.start()
    clients = [site.connect() for _ in range(50)]
    for client in clients:
        client.send(get("/v1/keys/billing"))
    site.stop.asked.set()
    for client in clients:
        assert (await client.reply()).status == 200
        assert await client.at_end()
        client.close()


async def test_who_has_only_just_connected_is_answered(site: Site, mock_clock: MockClock) -> None:
    await site.start()
    with site.connect() as client:
        await wait_all_tasks_blocked()  # it is accepted
        site.stop.asked.set()
        await wait_all_tasks_blocked()
        client.send(get("/v1/keys/billing"))
        assert (await client.reply()).status == 200
        mock_clock.jump(1)
        assert await client.at_end()
        await site.ended.wait()


@pytest.mark.parametrize(("before", "after"), [(0.3, 0.0), (0.0, 0.26)])
async def test_who_has_connected_and_says_nothing_is_hardly_waited_for(
    site: Site, mock_clock: MockClock, before: float, after: float
) -> None:
    await site.start(grace=5)
    with site.connect() as client:
        await wait_all_tasks_blocked()
        mock_clock.jump(before)
        site.stop.asked.set()
        await wait_all_tasks_blocked()
        assert site.ended.is_set() == (not after)
        mock_clock.jump(after)
        await wait_all_tasks_blocked()
        assert site.ended.is_set()
        with pytest.raises(BrokenPipeError):
            client.send(b"G")


async def test_a_crowd_that_has_only_just_connected_is_answered(
    site: Site, mock_clock: MockClock
) -> None:
    """Those who wait for their turn, too."""
    await site.start()
    clients = [site.connect() for _ in range(50)]
    site.stop.asked.set()
    await wait_all_tasks_blocked()
    for client in clients:
        client.send(get("/v1/keys/billing"))
    for client in clients:
        assert (await client.reply()).status == 200
        client.close()


async def test_who_is_in_the_middle_of_a_request_is_told(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        client.send(get("/livez")[:-4])
        await wait_all_tasks_blocked()
        site.stop.asked.set()
        reply = await client.reply()
        assert reply.json == {
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": 503,
            "code": "stopping",
            "detail": "the agent stops or reloads; send the request again",
        }
        assert await client.at_end()


async def test_who_takes_no_answer_is_waited_for_no_longer_than_the_grace(
    site: Site, mock_clock: MockClock
) -> None:
    await site.start(grace=5)
    with site.connect() as client:
        await client.send_until_stuck()
        site.stop.asked.set()
        await wait_all_tasks_blocked()
        mock_clock.jump(4.9)
        await wait_all_tasks_blocked()
        assert not site.ended.is_set()
        mock_clock.jump(0.2)
        await site.ended.wait()


async def test_the_refused_are_let_go_too(site: Site) -> None:
    await site.start(Limits(max_connections=0))
    with site.connect() as client:
        assert (await client.ask(get("/livez"))).code == "busy"
        site.stop.asked.set()
        await site.ended.wait()
        with pytest.raises(BrokenPipeError):
            client.send(b"G")
