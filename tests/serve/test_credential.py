"""A socket that writes a key and closes, over real sockets in virtual time."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.core.model.view import KeyStatus, KeyView
from freshkey.serve.access import Access
from freshkey.serve.audit import RequestAudit
from freshkey.serve.credential import CredentialSocket, named_by_systemd
from freshkey.serve.published_keys import PublishedKeys
from freshkey.serve.readers import Readers
from freshkey.serve.reading import Reading
from freshkey.sockets.endpoint import Endpoint
from freshkey.sockets.handover import Handover
from freshkey.sockets.listener import listen
from freshkey.sockets.peers import Peer
from freshkey.sockets.rules import Rule
from freshkey.sockets.server import Limits, ServerStop, serve
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.serve.site import FRESH, KEY, TAG, Client, Reads, StoppedClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

SYSTEMD = "\0f00dfeed/unit/billing.service/openai"
ROOT = Peer(1, 0, 0, "/usr/lib/systemd/systemd", "init.scope")


class Site:
    """A running credential socket of the key `billing`."""

    def __init__(self, nursery: trio.Nursery, path: Path, rules: list[Rule]) -> None:
        self._nursery = nursery
        self.path = path
        self.published_keys = PublishedKeys(["billing"])
        self.reads, self.readers = Reads(), Readers(lambda: 400.0)
        access = Access({"billing": rules}, os.geteuid())
        audit = RequestAudit(self.reads)
        reading = Reading(self.published_keys, access, StoppedClock(), audit, self.readers)
        self.handover = Handover()
        self._credential = CredentialSocket("billing", reading, self.handover)
        self._listener = listen(self.path, mode=0o600)
        self.stop = ServerStop()

    async def start(self, limits: Limits | None = None) -> None:
        await self._nursery.start(self._serve, limits or Limits())

    async def reload(self, limits: Limits | None = None) -> None:
        """Have another server take over."""
        self.stop.asked.set()
        await self.stop.released.wait()
        self.stop = ServerStop()
        await self.start(limits)

    async def _serve(self, limits: Limits, task_status: trio.TaskStatus[None]) -> None:
        credential = self._credential
        attend, refuse = credential.attend, credential.refuse
        await serve(
            [Endpoint(self._listener, attend, on_refused=refuse, handover=self.handover)],
            limits,
            commit=self.reads.flush,
            stop=self.stop,
            task_status=task_status,
        )

    def close(self) -> None:
        self.handover.close()
        self._listener.close()


@contextmanager
def a_site(nursery: trio.Nursery, path: Path, rules: list[Rule]) -> Iterator[Site]:
    site = Site(nursery, path, rules)
    try:
        yield site
    finally:
        site.close()


@pytest.fixture
async def site(nursery: trio.Nursery, tmp_path: Path, mock_clock: MockClock) -> AsyncIterator[Site]:
    with a_site(nursery, tmp_path / "credential", []) as site:
        await site.start()
        yield site


async def rest_of(client: Client) -> bytes:
    data = b""
    while more := await client.read():
        data += more
    return data


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


def test_systemd_says_for_whom_it_asks() -> None:
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as theirs:
        listening.bind("")  # an abstract name of the kernel's choice: autobind, unix(7)
        listening.listen()
        theirs.bind(SYSTEMD)
        theirs.connect(listening.getsockname())
        ours, _ = listening.accept()
        with ours:
            named = named_by_systemd(ROOT, ours)
            assert named == ROOT._replace(unit="billing.service", credential="openai")
            assert Rule(unit="billing.service").matches(named)
            other = ROOT._replace(uid=1000)
            assert named_by_systemd(other, ours) == other, "anybody can take that name"


@pytest.mark.parametrize(
    "name",
    [None, "\0f00d", "\0f00d/unit/a.service", "\0x/unit/a.service/b", "\0f00d/unit/a.service/b/c"],
)
def test_another_name_says_nothing(name: str | None) -> None:
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as theirs:
        listening.bind("")
        listening.listen()
        if name is not None:
            theirs.bind(name)
        theirs.connect(listening.getsockname())
        ours, _ = listening.accept()
        with ours:
            assert named_by_systemd(ROOT, ours) == ROOT


def test_the_record_names_the_credential() -> None:
    reads = Reads()
    audit = RequestAudit(reads)
    audit.tell("key.read", ROOT._replace(credential="openai"), "billing", TAG, "served")
    audit.tell("key.read", ROOT, "billing", TAG, "served")
    assert [event.get("credential") for event in reads.events] == ["openai", None]
    assert "credential" not in reads.events[1]
