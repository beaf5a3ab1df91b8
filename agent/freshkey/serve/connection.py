"""One client's connection, from its first byte to its last, within bounds of time and size."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final, TypeAlias, final

import trio

from freshkey.serve import problems
from freshkey.serve.framing import RequestParser
from freshkey.serve.responses import Later, Response, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.serve.fair_queue import FairQueue
    from freshkey.serve.framing import Request
    from freshkey.serve.peers import Peer

    Answer: TypeAlias = Callable[[Request, Peer], Response | Later]

# What is read at once is parsed in one turn. This holds most requests whole, and 28 of the
# smallest kind at most.
_PORTION: Final = 512  # bytes


@final
class Connection:
    """Reads requests from a non-blocking socket and sends the answers, in order.

    The peer has `patience` seconds for each request to arrive whole, counted from the answer
    before it, and as long to take the answer; an answer that has to be waited for has its own
    time. `stopping` is set before the server lets no more be read. To read and to answer takes a
    turn each.
    """

    def __init__(  # noqa: PLR0913 - each is its own
        self,
        sock: socket.socket,
        peer: Peer,
        answer: Answer,
        *,
        fair_queue: FairQueue,
        patience: float,
        stopping: trio.Event,
    ) -> None:
        self._sock = sock
        self._peer = peer
        self._answer = answer
        self._fair_queue = fair_queue
        self._patience = patience
        self._stopping = stopping
        self._parser = RequestParser()
        self._scope = trio.CancelScope(deadline=trio.current_time() + patience)
        self._sending = False

    async def run(self) -> None:
        """Serve the connection until either side ends it; the caller closes the socket."""
        last: Response | None = None
        try:
            with self._scope:
                last = await self._converse()
            if self._scope.cancelled_caught and self._parser.midway and not self._sending:
                last = problems.bad_request(f"no whole request in {self._patience:g} s")
            if last:
                self._try_send(encode(last, keep_alive=False))
        finally:
            self._parser.close()

    async def _converse(self) -> Response | None:
        """Answer requests; return what is left to be said before the connection is closed."""
        while data := await self._receive():
            for number, request in enumerate(self._parser.feed(data)):
                if number:
                    await self._fair_queue.take(self._peer.uid)
                response = self._answer(request, self._peer)
                if isinstance(response, Later):
                    awaited = await self._wait_for(response)
                    if awaited is None:
                        return None
                    response = awaited
                self._extend()
                has_body = request.method != "HEAD"
                framed = encode(response, body=has_body, keep_alive=request.keep_alive)
                if not await self._send(framed) or not request.keep_alive:
                    return None
            if self._parser.refusal:
                return self._parser.refusal
        if not self._parser.midway:
            return None
        if self._stopping.is_set():
            return problems.stopping()
        return problems.bad_request("the request ends before it is whole")

    async def _wait_for(self, later: Later) -> Response | None:
        """Wait for an answer; None when the peer hangs up first."""
        if self._stopping.is_set():
            return later.stopped()
        self._scope.deadline = trio.current_time() + later.seconds + self._patience
        with trio.CancelScope() as wait:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch, wait)
                await later.wait()
                await self._fair_queue.take(self._peer.uid)  # one key may be news for hundreds
                nursery.cancel_scope.cancel()
            self._scope.deadline = trio.current_time() + self._patience
            return later.answer()
        return later.stopped() if self._stopping.is_set() else None

    async def _watch(self, wait: trio.CancelScope) -> None:
        """End a wait when the peer hangs up or the server stops."""
        await trio.lowlevel.wait_readable(self._sock)
        # When the server stops, every socket reads as at its end. Otherwise: who sent the next
        # request already, or sends no more and waits, stays readable, and is waited out.
        if not self._stopping.is_set() and not self._hung_up():
            await self._stopping.wait()
        wait.cancel()

    def _hung_up(self) -> bool:
        try:
            if self._sock.recv(1, socket.MSG_PEEK):
                return False
            self._sock.send(b"")  # who only sends no more (shutdown(2)) can still be sent to
        except BlockingIOError:
            return False
        except OSError:
            return True
        return False

    def _extend(self) -> None:
        """Give the peer its time, from now on, and up to a tenth more: moving a deadline costs."""
        due = trio.current_time() + self._patience
        if due > self._scope.deadline:
            self._scope.deadline = due + self._patience / 10

    async def _receive(self) -> bytes:
        """Wait for the next bytes; none when the peer sends no more, or is gone."""
        # By its turn, who waited in line has likely sent more: to be woken first would cost as
        # much as the answer, for all who are in line, in every pass of the loop.
        look_first = self._fair_queue.crowded(self._peer.uid)
        while True:
            if not look_first:
                await trio.lowlevel.wait_readable(self._sock)
            look_first = False
            await self._fair_queue.take(self._peer.uid)
            try:
                return self._sock.recv(_PORTION)
            except BlockingIOError:
                continue
            except OSError:
                return b""

    async def _send(self, data: bytes) -> bool:
        """Send all of it; False when the peer is gone."""
        self._sending = True
        rest = data
        while (sent := self._try_send(rest)) is not None:
            rest = rest[sent:]
            if not rest:
                self._sending = False
                return True
            await trio.lowlevel.wait_writable(self._sock)
        return False

    def _try_send(self, data: bytes) -> int | None:
        """Send what the kernel takes at once and return its length; None when the peer is gone."""
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            return None
