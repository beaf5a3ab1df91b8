"""Group commit: what is answered in one pass is recorded together, before any of it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.serve.responses import text
from freshkey.sockets.outbox import Outbox
from structlog.testing import capture_logs
from trio.testing import wait_all_tasks_blocked

from tests.serve.client import get
from tests.serve.publication import KEY

if TYPE_CHECKING:
    from freshkey.serve.framing import Request
    from freshkey.serve.responses import Response
    from freshkey.sockets.peers import Peer

    from tests.serve.client import Client
    from tests.serve.site import Site

READ = get("/v1/keys/billing")


async def connected(site: Site, number: int) -> list[Client]:
    """Clients that have each had an answer."""
    clients = [site.connect() for _ in range(number)]
    for client in clients:
        assert (await client.ask(READ)).status == 200
    site.reads.commits.clear()
    site.reads.events.clear()
    return clients


async def test_a_crowd_is_recorded_with_one_write(site: Site) -> None:
    await site.start()
    clients = await connected(site, 8)
    for client in clients:
        client.send(READ)
    for client in clients:
        assert (await client.reply()).json["key"] == KEY
        client.close()
    assert sum(site.reads.commits) == 8
    assert len(site.reads.commits) < 4, "the server finds most of them in one pass"


async def test_no_answer_leaves_before_its_record(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.start()
    clients = await connected(site, 3)
    seen: list[bytes] = []
    flush = site.reads.flush

    def look() -> None:
        assert len(site.reads.events) > sum(site.reads.commits)
        seen.extend(client.unread() for client in clients)
        flush()

    monkeypatch.setattr(site, "commit", look)
    for client in clients:
        client.send(READ)
    for client in clients:
        assert (await client.reply()).status == 200
        client.close()
    assert seen[:3] == [b""] * 3
    assert sum(site.reads.commits) == 3


@pytest.mark.parametrize("method", ["HEAD", "GET"])
async def test_the_last_answer_of_a_connection_is_recorded_as_well(site: Site, method: str) -> None:
    await site.start()
    with site.connect() as client:
        client.send(get("/v1/keys/billing", "Connection: close", method=method))
        assert (await client.reply(body=method == "GET")).status == 200
        assert await client.at_end()
    assert sum(site.reads.commits) == 1


async def test_answers_that_are_not_taken_wait_and_all_arrive(site: Site) -> None:
    """Also when their reader sends nothing more, so that no request wakes the connection."""
    body = "x" * 40_000  # a few of them fill what the kernel takes

    def answer(_request: Request, _peer: Peer) -> Response:
        return text(body)

    await site.start(answer=answer)
    for number in range(1, 13):
        with site.connect() as client:
            for _ in range(number):
                client.send(get("/"))
                await wait_all_tasks_blocked()
            for _ in range(number):
                with trio.fail_after(5):
                    assert len((await client.reply()).body) == len(body)


async def test_answers_before_a_request_that_is_refused_all_arrive(site: Site) -> None:
    """However much of them the kernel takes at once."""
    body = "x" * 5_000

    def answer(_request: Request, _peer: Peer) -> Response:
        return text(body)

    await site.start(answer=answer)
    for number in range(30, 60, 3):
        with site.connect() as client:
            client.send(get("/") * number + b"\x00\r\n\r\n")
            await wait_all_tasks_blocked()
            with trio.fail_after(5):
                for _ in range(number):
                    assert len((await client.reply()).body) == len(body)
                assert (await client.reply()).status == 400
                assert await client.at_end()


async def test_a_record_that_fails_lets_no_key_out(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.start()
    clients = await connected(site, 2)

    def fail() -> None:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(site, "commit", fail)
        for client in clients:
            client.send(READ)
        for client in clients:
            assert await client.at_end()
            client.close()
    assert {event["event"] for event in logs} == {"audit.crashed"}
    assert await site.serves_others()


class Sender:
    def __init__(self, *, fails: bool) -> None:
        self.fails = fails
        self.sent = self.hung_up = False

    def send(self) -> None:
        if self.fails:
            raise RuntimeError("a defect")
        self.sent = True

    def hang_up(self) -> None:
        self.hung_up = True


async def test_one_that_fails_holds_back_no_other() -> None:
    senders = [Sender(fails=number == 1) for number in range(3)]
    outbox = Outbox(lambda: None)
    trio.lowlevel.add_instrument(outbox)
    with capture_logs() as logs:
        for sender in senders:
            outbox.put(sender)
        assert not senders[0].sent, "not within the pass"
        await trio.testing.wait_all_tasks_blocked()
    trio.lowlevel.remove_instrument(outbox)
    assert [(sender.sent, sender.hung_up) for sender in senders] == [
        (True, False),
        (False, True),
        (True, False),
    ]
    assert [event["event"] for event in logs] == ["connection.failed"]
