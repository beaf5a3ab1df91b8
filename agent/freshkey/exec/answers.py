"""The agent's answers as bytes come in: a whole one, or the events of a stream.

HTTP/1.1 (RFC 9112) as far as the agent speaks it; events as in
https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from __future__ import annotations

import json
from typing import Final, NamedTuple, final

_LARGEST_HEAD: Final = 16 * 1024  # bytes
_LARGEST: Final = 1024 * 1024  # bytes of a body, or of one event
_OK: Final = 200
_END_OF_HEAD: Final = b"\r\n\r\n"
_END_OF_EVENT: Final = b"\n\n"


class NotTheAgentError(Exception):
    """What answers is no Freshkey agent."""


class Answer(NamedTuple):
    """A whole answer, and what its JSON says."""

    status: int
    content: object

    def __repr__(self) -> str:
        return f"Answer({self.status})"  # the content may hold a key


class Event(NamedTuple):
    """One event of a stream: its id, and what its JSON says."""

    tag: str
    content: object

    def __repr__(self) -> str:
        return f"Event({self.tag!r})"  # the content holds a key


@final
class AnswerReader:
    """Takes the bytes of one answer, however they are cut, and gives what is whole."""

    def __init__(self) -> None:
        self._buffer = b""
        self._status = 0
        self._length: int | None = None  # None for a stream
        self.streams = False

    def feed(self, data: bytes) -> list[Answer | Event]:
        """Take some bytes; raises NotTheAgentError for what the agent would not say."""
        self._buffer += data
        if not self._status and not self._read_head():
            return []
        if len(self._buffer) > _LARGEST:
            raise NotTheAgentError
        if self._length is None:
            return self._events()
        if len(self._buffer) < self._length:
            return []
        body, self._buffer = self._buffer[: self._length], self._buffer[self._length :]
        return [Answer(self._status, _parsed(body))]

    def _read_head(self) -> bool:
        head, end, rest = self._buffer.partition(_END_OF_HEAD)
        if not end:
            if len(head) > _LARGEST_HEAD:
                raise NotTheAgentError
            return False
        first, *lines = head.decode("latin-1").split("\r\n")
        version, _, status = first.partition(" ")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        try:
            self._status = int(status[:3])
            if length := headers.get("content-length"):
                self._length = int(length)
        except ValueError:
            raise NotTheAgentError from None
        self.streams = headers.get("content-type") == "text/event-stream" and self._status == _OK
        if version != "HTTP/1.1" or self.streams is not (self._length is None):
            raise NotTheAgentError
        self._buffer = rest
        return True

    def _events(self) -> list[Answer | Event]:
        *whole, self._buffer = self._buffer.split(_END_OF_EVENT)
        events: list[Answer | Event] = []
        for text in whole:
            fields = {
                name: value.removeprefix(b" ")
                for name, _, value in (line.partition(b":") for line in text.split(b"\n"))
                if name  # a line that begins with a colon is a comment
            }
            if b"data" in fields:
                tag = fields.get(b"id", b"").decode("latin-1")
                events.append(Event(tag, _parsed(fields[b"data"])))
        return events


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise NotTheAgentError from None
