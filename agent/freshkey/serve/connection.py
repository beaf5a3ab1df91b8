"""One client's connection, from its first byte to its last, within bounds of time and size."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeAlias, final

import trio

from freshkey.serve import problems
from freshkey.serve.framing import RequestParser
from freshkey.serve.responses import Later, Response, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.serve.fair_queue import FairQueue
    from freshkey.serve.framing import Request
    from freshkey.serve.outbox import Outbox
    from freshkey.serve.peers import Peer

    Answer: TypeAlias = Callable[[Request, Peer], Response | Later]

# What is read at once is parsed in one turn. This holds most requests whole, and 28 of the
# smallest kind at most.
_PORTION: Final = 512  # bytes
_MOST_UNSENT: Final = 64 * 1024  # bytes; with more of them, no further request is answered


@final
class Connection:
    """Reads requests from a non-blocking socket and answers them, in order, through an outbox.

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
        outbox: Outbox,
        patience: float,
        stopping: trio.Event,
    ) -> None:
        self._sock = sock
        self._peer = peer
        self._answer = answer
        self._fair_queue = fair_queue
        self._outbox = outbox
        self._patience = patience
        self._stopping = stopping
        self._parser = RequestParser()
        self._scope = trio.CancelScope(deadline=trio.current_time() + patience)
        self._unsent = b""
        self._queued = False  # in the outbox, which sends at the end of the pass
        self._waiting = False  # for the next request
        self._gone = False  # the peer takes no more
        self._token = trio.lowlevel.current_trio_token()

    async def run(self) -> None:
        """Serve the connection until either side ends it; the caller closes the socket."""
        last: Response | None = None
        try:
            with self._scope:
                last = await self._converse()
                if not last:
                    await self._drain()
            if self._scope.cancelled_caught and self._parser.midway and not self._unsent:
                last = problems.bad_request(f"no whole request in {self._patience:g} s")
            if last:
                self._put(encode(last, keep_alive=False))
        finally:
            if self._queued:
                self._outbox.flush()
            self._gone = True
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
                await self._reply(request, response)
                if not request.keep_alive:
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
        await self._drain()
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
        while not self._gone:
            if self._unsent and not self._queued:
                await self._drain()
            if not look_first and not await self._readable():
                continue
            look_first = False
            await self._fair_queue.take(self._peer.uid)
            try:
                return self._sock.recv(_PORTION)
            except BlockingIOError:
                continue
            except OSError:
                break
        return b""

    async def _readable(self) -> bool:
        """Wait for bytes; False when an answer is stuck, which comes first."""
        self._waiting = True
        try:
            await trio.lowlevel.wait_readable(self._sock)
        except trio.ClosedResourceError:  # by `_wake`
            return False
        finally:
            self._waiting = False
        return True

    async def _reply(self, request: Request, response: Response) -> None:
        has_body = request.method != "HEAD"
        self._put(encode(response, body=has_body, keep_alive=request.keep_alive))
        if len(self._unsent) > _MOST_UNSENT:
            await self._drain()

    def _put(self, data: bytes) -> None:
        """Have an answer sent at the end of this pass."""
        self._unsent += data
        if not self._queued:
            self._queued = True
            self._outbox.put(self)

    async def _drain(self) -> None:
        """Wait until the peer has taken every answer, or is gone."""
        if self._queued:
            self._outbox.flush()
        while self._unsent:
            await trio.lowlevel.wait_writable(self._sock)
            self._try_send()

    def send(self) -> None:
        """Send what the kernel takes at once; the task waits for the rest."""
        self._queued = False
        self._try_send()
        if self._unsent:
            self._token.run_sync_soon(self._wake)

    def hang_up(self) -> None:
        """Send nothing any more, and wake the task, which finds the connection ended."""
        self._queued = False
        self._unsent = b""
        self._gone = True
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _wake(self) -> None:
        if self._waiting:
            trio.lowlevel.notify_closing(self._sock)

    def _try_send(self) -> None:
        try:
            self._unsent = self._unsent[self._sock.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent = b""
            self._gone = True
