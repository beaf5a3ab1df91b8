"""A WebSocket, once OpenAI has switched to it: bytes both ways until one side ends.

Source: https://www.rfc-editor.org/rfc/rfc6455
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import trio

from freshkey.gateway.frames import FrameUsage
from freshkey.gateway.headers import answer_headers
from freshkey.gateway.mask import KeyMask
from freshkey.gateway.streams import BrokenError

if TYPE_CHECKING:
    from freshkey.gateway.streams import ByteStream
    from freshkey.gateway.usage import Usage
    from freshkey.http1.answers import AnswerHead


@final
class Tunnel:
    """Connects a client with OpenAI; the key is in nothing that the client gets."""

    def __init__(self, client: ByteStream, key: bytes) -> None:
        self.bytes_sent = 0
        self.bytes_received = 0
        self.begun_at: float | None = None
        self._client = client
        self._key = key
        self._mask = KeyMask(key)
        self._frames = FrameUsage()

    @property
    def usage(self) -> Usage | None:
        """The tokens of all answers till now."""
        return self._frames.total

    async def run(self, stream: ByteStream, head: AnswerHead, early: tuple[bytes, bytes]) -> None:
        """Pass on the head, what each side has sent early (OpenAI, client), and all that follows.

        Raises BrokenError when a connection breaks rather than ends.
        """
        fields = answer_headers(head.headers, self._key, (), upgrade=True)
        reason = self._mask.whole(head.reason)
        await self._client.send(b"HTTP/1.1 101 %b\r\n%b" % (reason, fields))
        self.begun_at = trio.current_time()
        from_openai, from_client = early
        broken: list[BrokenError] = []

        async def pass_on(data: bytes, *, to_client: bool) -> None:
            source, target = (stream, self._client) if to_client else (self._client, stream)
            try:
                while True:
                    await target.send(self._taken(data) if to_client else data)
                    if not to_client:
                        self.bytes_received += len(data)
                    data = await source.receive()
                    if not data:
                        break
            except BrokenError as error:
                broken.append(error)
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: pass_on(from_client, to_client=False))
            await pass_on(from_openai, to_client=True)
        if broken:
            raise broken[0]

    def _taken(self, data: bytes) -> bytes:
        data = self._mask.feed(data)
        self.bytes_sent += len(data)
        self._frames.feed(data)
        return data
