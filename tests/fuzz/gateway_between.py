"""The gateway between a client and an OpenAI of this process, in virtual time."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import h11
import trio
from freshkey.gateway.configuration import Configuration
from freshkey.gateway.gateway import Gateway
from freshkey.gateway.readiness import Readiness
from freshkey.gateway.record import Done
from freshkey.gateway.runs import Runs
from freshkey.gateway.streams import ByteStream
from freshkey.gateway.upstream import Lent
from freshkey.sockets.fair_queue import FairQueue
from freshkey.sockets.outbox import Outbox
from freshkey.sockets.peers import Peer
from freshkey.sockets.resources import ServerResources
from trio.testing import MockClock

from tests.gateway.fakes import FakeKeys, FakeObserver

if TYPE_CHECKING:
    from freshkey.gateway.clients import Client
    from freshkey.gateway.upstream import Upstream

_LONGEST = 3600.0  # seconds of virtual time


@dataclass
class OpenAI:
    """Gives `answer` to each whole request, and hangs up; `seen` is what came, by connection."""

    answer: bytes
    nursery: trio.Nursery
    path: str = "/v1"
    host: bytes = b"api.openai.com"
    seen: list[bytes] = field(default_factory=list)

    async def take(self, *, fresh: bool = False) -> Lent:
        """Connect; a connection is never used again."""
        del fresh
        await trio.lowlevel.checkpoint()
        ours, theirs = socket.socketpair()
        theirs.settimeout(0)
        self.seen.append(b"")
        self.nursery.start_soon(self._serve, len(self.seen) - 1, ours)
        return Lent(ByteStream(theirs), reused=False)

    def give_back(self, stream: ByteStream) -> None:
        stream.close()

    async def _serve(self, number: int, sock: socket.socket) -> None:
        reader = h11.Connection(h11.SERVER)
        async with trio.SocketStream(trio.socket.from_stdlib_socket(sock)) as stream:
            try:
                while data := await stream.receive_some():
                    self.seen[number] += data
                    if _is_whole(reader, data):
                        await stream.send_all(self.answer)
                        await stream.send_eof()
            except trio.BrokenResourceError:
                pass


def _is_whole(reader: h11.Connection, data: bytes) -> bool:
    try:
        reader.receive_data(data)
        while (event := reader.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.EndOfMessage):
                return True
    except h11.RemoteProtocolError:
        return True
    return False


@dataclass(frozen=True)
class Outcome:
    """What the client received, what came to OpenAI on each connection, and what was recorded."""

    received: bytes
    seen: list[bytes]
    done: list[Done]


def between(sent: bytes, answer: bytes, client: Client) -> Outcome:
    """Have a client send bytes, and no more; return what comes of it."""
    return trio.run(_between, sent, answer, client, clock=MockClock(autojump_threshold=0))


async def _between(sent: bytes, answer: bytes, client: Client) -> Outcome:
    ours, theirs = socket.socketpair()
    theirs.settimeout(0)
    observer, received = FakeObserver(), bytearray()
    with trio.fail_after(_LONGEST):
        async with trio.open_nursery() as nursery:
            openai = OpenAI(answer, nursery)
            configuration = Configuration(
                (client,),
                Runs(),
                FakeKeys(),
                cast("Upstream", openai),
                observer,
                Readiness(nursery),
                max_requests=8,
                first_byte_timeout=5.0,
            )

            async def use(stream: trio.SocketStream) -> None:
                try:
                    await stream.send_all(sent)
                    await stream.send_eof()
                except trio.BrokenResourceError:
                    pass

            stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
            async with trio.open_nursery() as clients, stream:
                clients.start_soon(use, stream)
                clients.start_soon(_attend, Gateway(configuration), theirs)
                try:
                    while data := await stream.receive_some():
                        received += data
                except trio.BrokenResourceError:
                    pass
            nursery.cancel_scope.cancel()
    return Outcome(bytes(received), openai.seen, observer.done)


async def _attend(gateway: Gateway, sock: socket.socket) -> None:
    with sock:
        outbox = Outbox(lambda: None)
        resources = ServerResources(FairQueue(), outbox, 10.0, trio.Event(), {})
        await gateway.attend(sock, Peer(1, 1000, 1000), resources)
