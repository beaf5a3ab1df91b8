"""The way back: an answer of OpenAI, passed on as it comes."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, final

import trio

from freshkey.gateway.headers import answer_headers
from freshkey.gateway.mask import KeyMask
from freshkey.gateway.usage import UsageTail
from freshkey.http1.answers import BadAnswerError
from freshkey.http1.headers import values

if TYPE_CHECKING:
    from freshkey.gateway.readiness import Readiness
    from freshkey.gateway.requests import Head
    from freshkey.gateway.streams import ByteStream
    from freshkey.gateway.usage import Usage
    from freshkey.http1.answers import AnswerHead, AnswerParser

_EXTENDED: Final = 1.0  # seconds; a deadline is moved at most as often: it costs as much as a send
_LENGTHLESS: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})  # RFC 9110, 8.6


class CutError(Exception):
    """OpenAI's answer ended before it was whole, when the client already had a part of it."""


@final
class Relay:
    """Passes one answer on to the client. `silence` is how long either side may do nothing, in s.

    The key is nowhere in what the client gets: where OpenAI repeats it, asterisks stand.
    """

    def __init__(
        self,
        client: ByteStream,
        request: Head,
        key: bytes,
        *,
        silence: float,
        readiness: Readiness,
    ) -> None:
        self.bytes_sent = 0
        self.bytes_received = 0  # beside the body of the request
        self.begun_at: float | None = None  # trio's clock
        self._tail = UsageTail()
        self._client = client
        self._request = request
        self._key = key
        self._mask = KeyMask(key)
        self._silence = silence
        self._readiness = readiness
        self._is_chunked = False

    @property
    def usage(self) -> Usage | None:
        """The tokens that the answer tells, as far as it has come."""
        return self._tail.find()

    async def pass_on(self, stream: ByteStream, parser: AnswerParser) -> bool:
        """Pass on all of an answer whose head has come; return whether the client can ask again.

        Raises CutError, and BrokenError for the client's connection.
        """
        head = parser.head
        if head is None:
            raise BadAnswerError("it has no head")
        can_ask_again = self._frame(head)
        out = self._encode_head(head, can_ask_again=can_ask_again) + self._next(parser)
        left = self._client.send_some(out)
        self.begun_at = trio.current_time()
        if not left and parser.is_complete:
            return can_ask_again
        with trio.CancelScope() as scope:
            while True:
                scope.deadline = trio.current_time() + self._silence
                await self._client.send(left)
                if parser.is_complete:
                    return can_ask_again
                left = await self._flow(stream, parser, scope)
        raise CutError

    async def _flow(
        self, stream: ByteStream, parser: AnswerParser, scope: trio.CancelScope
    ) -> bytes | memoryview:
        """Pass on what comes as it comes, until the answer is whole, or the client holds it back.

        Returns what the client has not taken. The scope's deadline is moved along.
        """
        left: bytes | memoryview = b""
        raised: Exception | None = None
        ended = trio.Event()
        extended = trio.current_time()
        scope.deadline = extended + self._silence

        def pass_on() -> None:
            nonlocal left, raised, extended
            if ended.is_set():
                return
            try:
                while (data := stream.receive_now()) is not None:
                    _feed(parser, data)
                    left = self._client.send_some(self._next(parser))
                    if left or parser.is_complete:
                        ended.set()
                        return
                    if not stream.has_more:
                        break
            except Exception as error:  # noqa: BLE001 - raised below, in the task that it concerns
                raised = error
                ended.set()
            if (now := trio.current_time()) - extended > _EXTENDED:
                extended, scope.deadline = now, now + self._silence

        number = stream.socket.fileno()
        self._readiness.add(number, pass_on)
        try:
            pass_on()  # TLS may have more than the kernel
            await ended.wait()
        finally:
            self._readiness.remove(number)
        if raised is not None:
            raise raised
        return left

    def _next(self, parser: AnswerParser) -> bytes:
        """Return what the client gets of what has come."""
        body = self._mask.feed(parser.take_body())
        if not parser.is_complete:
            return self._encode(body)
        end = b"0\r\n\r\n" if self._is_chunked else b""
        return self._encode(body + self._mask.end()) + end

    def _frame(self, head: AnswerHead) -> bool:
        """Choose how the client is told where the body ends; return whether it can go on then."""
        self._is_chunked = head.length is None and self._request.has_chunks
        return self._request.keep_alive and (head.length is not None or self._is_chunked)

    def _encode_head(self, head: AnswerHead, *, can_ask_again: bool) -> bytes:
        framing = []
        if self._is_chunked:
            framing.append(b"Transfer-Encoding: chunked")
        elif self._request.method == b"HEAD":
            lengths = values(head.headers, b"content-length")
            framing += [b"Content-Length: " + one for one in lengths]
        elif head.length is not None and head.status not in _LENGTHLESS:
            framing.append(b"Content-Length: %d" % head.length)
        if not can_ask_again:
            framing.append(b"Connection: close")
        line = b"HTTP/1.1 %d %b\r\n" % (head.status, self._mask.whole(head.reason))
        return line + answer_headers(head.headers, self._key, framing)

    def _encode(self, body: bytes) -> bytes:
        if not body:
            return b""
        self.bytes_sent += len(body)
        self._tail.feed(body)
        return b"%x\r\n%b\r\n" % (len(body), body) if self._is_chunked else body


def _feed(parser: AnswerParser, data: bytes) -> None:
    try:
        parser.take(data)
    except BadAnswerError:
        raise CutError from None
