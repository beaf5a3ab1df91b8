"""The way there: a request sent to OpenAI, and the head of its answer waited for."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple, final

import trio

from freshkey.gateway.body import HungUpError
from freshkey.gateway.headers import request_headers
from freshkey.gateway.refusals import RefusedError, bad_request, no_answer, timed_out
from freshkey.gateway.streams import BrokenError
from freshkey.http1.answers import AnswerParser, BadAnswerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from freshkey.core.model.secret import Secret
    from freshkey.gateway.body import Body
    from freshkey.gateway.requests import Head
    from freshkey.gateway.streams import ByteStream
    from freshkey.gateway.targets import Target
    from freshkey.gateway.upstream import Upstream

_SAFE: Final = frozenset({b"GET", b"HEAD", b"OPTIONS"})  # may be sent again: RFC 9110, 9.2.2


class Answered(NamedTuple):
    """A connection on which the head of an answer has come."""

    stream: ByteStream
    parser: AnswerParser
    sent_at: float  # trio's clock: when the request had left
    head_at: float


class _StaleError(Exception):
    """A connection that was kept had been closed."""


@final
class Sending:
    """Sends one request, as often as it is asked to. `seconds`: see gateway.first_byte_timeout."""

    def __init__(
        self, upstream: Upstream, head: Head, target: Target, body: Body, seconds: float
    ) -> None:
        self._upstream = upstream
        self._head = head
        self._target = target
        self._body = body
        self._seconds = seconds
        self._is_sent = False  # whole

    async def ask(self, secret: Secret, use: Callable[[Answered], Awaitable[None]]) -> None:
        """Send the request with this key, and have the answer used while the body still goes out.

        The connection is kept if the answer is whole then, else closed. Raises RefusedError
        without an answer, HungUpError, and what `use` raises.
        """
        stream, reused = await self._upstream.take()
        try:
            await self._ask_on(stream, secret, use)
        except _StaleError:
            can_be_sent_again = self._head.method in _SAFE and self._body.content is not None
            if not reused or not can_be_sent_again:
                raise RefusedError(no_answer("OpenAI closed the connection")) from None
            stream, _ = await self._upstream.take(fresh=True)
            try:
                await self._ask_on(stream, secret, use)
            except _StaleError:
                raise RefusedError(no_answer("OpenAI closed the connection")) from None

    async def _ask_on(
        self, stream: ByteStream, secret: Secret, use: Callable[[Answered], Awaitable[None]]
    ) -> None:
        parser = AnswerParser(to_head=self._head.method == b"HEAD")
        self._is_sent = False
        try:
            if self._body.is_whole:
                await self._send_head(stream, secret)
                await use(await self._answer(stream, parser, trio.CancelScope()))
            else:
                await self._ask_with_long_body(stream, parser, secret, use)
            if self._is_sent and parser.is_complete and parser.can_be_reused:
                self._upstream.give_back(stream)
                stream = None  # type: ignore[assignment]  # kept
        finally:
            parser.close()
            if stream is not None:
                stream.close()

    async def _ask_with_long_body(
        self,
        stream: ByteStream,
        parser: AnswerParser,
        secret: Secret,
        use: Callable[[Answered], Awaitable[None]],
    ) -> None:
        """Send the rest of the body as it comes, and use the answer meanwhile."""
        raised: list[Exception] = []
        waiting = trio.CancelScope(deadline=inf)  # for the answer, once all is sent

        async def send_rest() -> None:
            try:
                await self._send_rest(stream)
                waiting.deadline = trio.current_time() + self._seconds
            except BrokenError:
                pass  # OpenAI wants no more of it: its answer may have come
            except (HungUpError, RefusedError) as error:
                raised.append(error)
                nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            try:
                await self._send_head(stream, secret)
                nursery.start_soon(send_rest)
                await use(await self._answer(stream, parser, waiting))
            except Exception as error:  # noqa: BLE001 - raised below, out of the nursery
                raised.append(error)
            nursery.cancel_scope.cancel()
        if raised:
            raise raised[0]

    async def _send_head(self, stream: ByteStream, secret: Secret) -> None:
        """Send the head, and what was read of the body."""
        head, target, body = self._head, self._target, self._body
        line = f"{head.method.decode('latin-1')} {self._upstream.path}{target.path}{target.query}"
        fields = request_headers(
            head.headers, self._upstream.host, secret, head.length, upgrade=head.upgrade
        )
        start = bytes(body.buffer)
        if head.length is None:
            start = _chunk(start) + (_chunk(b"", last=True) if body.is_whole else b"")
        try:
            left = stream.send_some(f"{line} HTTP/1.1\r\n".encode("latin-1") + fields + start)
            if left:
                with trio.fail_after(self._seconds):
                    await stream.send(left)
            self._is_sent = body.is_whole
        except BrokenError:
            raise _StaleError from None
        except trio.TooSlowError:
            raise RefusedError(timed_out(self._seconds)) from None

    async def _send_rest(self, stream: ByteStream) -> None:
        while not self._body.is_whole:
            refusal = bad_request(f"nothing of the body came for {self._seconds:g} s")
            with trio.move_on_after(self._seconds) as scope:
                part = await self._body.next()
                if self._head.length is None:
                    part = _chunk(part, last=self._body.is_whole)
                refusal = timed_out(self._seconds)
                await stream.send(part)
            if scope.cancelled_caught:
                raise RefusedError(refusal)
        self._is_sent = True

    async def _answer(
        self, stream: ByteStream, parser: AnswerParser, waiting: trio.CancelScope
    ) -> Answered:
        """Wait for the head of the answer; raises RefusedError and _StaleError."""
        sent_at = trio.current_time()
        if self._body.is_whole:
            waiting.deadline = sent_at + self._seconds
        with waiting:
            try:
                data = await stream.receive()
            except BrokenError:
                data = b""
            if not data:
                raise _StaleError
            try:
                while True:
                    parser.take(data)
                    if parser.head is not None:
                        return Answered(stream, parser, sent_at, trio.current_time())
                    data = await stream.receive()
            except BrokenError as error:
                raise RefusedError(no_answer(f"the connection to OpenAI broke: {error}")) from None
            except BadAnswerError as error:
                raise RefusedError(no_answer(f"OpenAI's answer can't be read: {error}")) from None
        raise RefusedError(timed_out(self._seconds))


def _chunk(data: bytes, *, last: bool = False) -> bytes:
    chunk = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
    return chunk + b"0\r\n\r\n" if last else chunk
