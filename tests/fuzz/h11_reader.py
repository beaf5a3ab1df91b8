"""What h11, a parser that shares no code with ours, understands of the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import h11

if TYPE_CHECKING:
    from collections.abc import Iterator


class Understood(NamedTuple):
    """One request."""

    method: bytes
    target: bytes
    body: bytes


def requests_of(data: bytes) -> Iterator[Understood]:
    """Give the whole requests that one connection holds, as far as h11 takes them."""
    reader = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    reader.receive_data(data)
    while True:
        head, body = None, b""
        while not isinstance(event := reader.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            else:
                return  # more bytes are needed, or none can follow
        assert head is not None
        yield Understood(head.method, head.target, body)
        if reader.their_state is not h11.DONE:
            return
        reader.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
        reader.send(h11.EndOfMessage())
        if reader.our_state is not h11.DONE:
            return
        reader.start_next_cycle()
