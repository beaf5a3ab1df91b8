"""One client's connection, from its first byte to its last, within bounds of time and size."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, TypeAlias, final

import trio

from freshkey.serve import problems
from freshkey.serve.framing import RequestParser
from freshkey.serve.responses import Later, Response, Stream, encode
from freshkey.serve.waiting import WaitEnd, Waiter

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from freshkey.serve.framing import Request
    from freshkey.sockets.peers import Peer
    from freshkey.sockets.resources import ServerResources

    Answer: TypeAlias = Callable[[Request, Peer], Response | Later | Stream]

# What is read at once is parsed in one turn. This holds most requests whole, and 28 of the
# smallest kind at most.
_PORTION: Final = 512  # bytes
_MOST_UNSENT: Final = 64 * 1024  # bytes; with more of them, no further request is answered
_COMMENT_EVERY: Final = 15.0  # seconds in which a stream says nothing
_COMMENT: Final = b":\n\n"  # https://html.spec.whatwg.org/multipage/server-sent-events.html
_LAST_COMMENT: Final = b": the agent stops or reloads\n\n"


@final
class Connection:
    """Reads requests from a non-blocking socket and answers them, in order, through an outbox.

    The peer has the server's `patience` for each request to arrive whole, counted from the answer
    before it, and as long to take the answer; an answer that has to be waited for has its own
    time. To read and to answer takes a turn each.
    """

    def __init__(
        self, sock: socket.socket, peer: Peer, answer: Answer, resources: ServerResources
    ) -> None:
        self._sock = sock
        self._peer = peer
        self._answer = answer
        self._fair_queue = resources.fair_queue
        self._patience = resources.patience
        self._stopping = resources.stopping
        self._silent_since = resources.silent_since
        self._parser = RequestParser()
        self._scope = trio.CancelScope(deadline=trio.current_time() + self._patience)
        self._waiter = Waiter(sock, resources)
        self._outgoing = self._waiter.outgoing

    async def run(self) -> None:
        """Serve the connection until either side ends it; the caller closes the socket."""
        try:
            with self._scope:
                if last := await self._converse():
                    self._outgoing.put(encode(last, keep_alive=False))
                await self._outgoing.drain()
            if self._scope.cancelled_caught and self._parser.midway and not self._outgoing.size:
                last = problems.bad_request(f"no whole request in {self._patience:g} s")
                self._outgoing.put(encode(last, keep_alive=False))
        finally:
            self._outgoing.flush()
            self._parser.close()

    async def _converse(self) -> Response | None:
        """Answer requests; return what is left to be said before the connection is closed."""
        while data := await self._receive():
            for number, request in enumerate(self._parser.feed(data)):
                if number:
                    await self._fair_queue.take(self._peer.uid)
                if not await self._handle(request):
                    return None
            if self._parser.refusal:
                return self._parser.refusal
        if not self._parser.midway:
            return None
        if self._stopping.is_set():
            return problems.stopping()
        return problems.bad_request("the request ends before it is whole")

    async def _handle(self, request: Request) -> bool:
        """Answer one request; False when the connection ends with it."""
        response = self._answer(request, self._peer)
        if isinstance(response, Stream):
            try:
                await self._stream(response)
            finally:
                response.ended()
            return False
        if isinstance(response, Later):
            awaited = await self._wait_for(response)
            if awaited is None:
                return False
            response = awaited
        self._extend()
        has_body = request.method != "HEAD"
        self._outgoing.put(encode(response, body=has_body, keep_alive=request.keep_alive))
        if self._outgoing.size > _MOST_UNSENT:
            await self._outgoing.drain()
        return request.keep_alive

    async def _wait_for(self, later: Later) -> Response | None:
        """Wait for an answer; None when the peer hangs up first."""
        await self._outgoing.drain()
        end = trio.current_time() + later.seconds
        self._scope.deadline = end + self._patience
        match await self._waiter.for_news(later.news, later.ready, end):
            case WaitEnd.HUNG_UP:
                return None
            case WaitEnd.STOPPING:
                return later.stopped()
            case WaitEnd.NEWS:
                await self._fair_queue.take(self._peer.uid)  # one key may be news for hundreds
        self._scope.deadline = trio.current_time() + self._patience
        return later.answer()

    async def _stream(self, stream: Stream) -> None:
        """Tell news as they come, until the peer hangs up or takes none of them in time."""
        self._outgoing.put(encode(stream.head, keep_alive=False, has_length=False) + stream.next())
        while not self._outgoing.gone:
            self._scope.deadline = inf
            end = trio.current_time() + _COMMENT_EVERY
            found = await self._waiter.for_news(stream.news, stream.ready, end)
            self._scope.deadline = trio.current_time() + self._patience
            match found:
                case WaitEnd.HUNG_UP:
                    return
                case WaitEnd.STOPPING:
                    self._outgoing.put(_LAST_COMMENT)
                    return
                case WaitEnd.NEWS:
                    await self._fair_queue.take(self._peer.uid)
                    self._outgoing.put(stream.next())
                case WaitEnd.TIME:
                    self._outgoing.put(_COMMENT)

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
        while not self._outgoing.gone:
            if self._outgoing.stuck:
                await self._outgoing.drain()
            if not look_first and not await self._waiter.for_bytes():
                continue
            look_first = False
            await self._fair_queue.take(self._peer.uid)
            try:
                data = self._sock.recv(_PORTION)
            except BlockingIOError:
                continue
            except OSError:
                break
            self._silent_since.pop(self._sock, None)
            return data
        return b""
