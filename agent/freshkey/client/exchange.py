"""One question to the agent: HTTP/1.1 over its Unix socket (RFC 9112), without http.client.

That would double the cost of the import. Each question has a connection of its own. It takes 0.3
ms more, and there is no connection that two threads, a parent and its child, or a former user and
the present one could share, none that a restart of the agent breaks, and none that fills the
agent's limit for a user while the application is idle.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from freshkey.client.errors import AgentAwayError, SetupError
from freshkey.client.steps import Wait

if TYPE_CHECKING:
    from freshkey.client.steps import Steps

_LARGEST: Final = 64 * 1024  # bytes of an answer, the head included
_PORTION: Final = 16 * 1024
_MOST_DIGITS: Final = 20


class Answer(NamedTuple):
    """What the agent answered; the content is JSON or empty."""

    status: int
    content: bytes

    def __repr__(self) -> str:
        return f"Answer({self.status})"  # the content may hold a key


def get(target: str, tag: str | None = None) -> bytes:
    """Make a GET; `tag` is one that is held already."""
    condition = f'If-None-Match: "{tag}"\r\n' if tag else ""
    return f"GET {target} HTTP/1.1\r\n{_HEADERS}{condition}\r\n".encode()


def post(target: str, body: bytes) -> bytes:
    """Make a POST of JSON."""
    length = f"Content-Length: {len(body)}\r\n"
    return f"POST {target} HTTP/1.1\r\n{_HEADERS}{length}\r\n".encode() + body


_HEADERS: Final = "Host: localhost\r\nAccept: application/json\r\nConnection: close\r\n"


def ask(path: str, request: bytes, patience: float) -> Steps[Answer]:
    """Send a request to the socket at `path`, and return the answer.

    `patience` is how many seconds it may take. Raises AgentAwayError, or SetupError when asking
    again would not help.
    """
    end = time.monotonic() + patience
    received = b""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(0)
            connection.connect(path)
            with suppress(BrokenPipeError):  # an agent that is full answers without reading
                connection.send(request)  # it fits: the buffer of a new socket is far larger
            while True:
                try:
                    part = connection.recv(_PORTION)
                except BlockingIOError:
                    left = end - time.monotonic()
                    if left <= 0:
                        raise AgentAwayError(
                            f"{path}: no answer within {patience:g} s: look at the agent's log"
                        ) from None
                    yield Wait(left, connection)
                    continue
                except ConnectionResetError:
                    break  # what came before is whole, or is not
                received += part
                if not part or len(received) > _LARGEST:
                    break
    except OSError as error:
        raise _unreachable(path, error) from None
    return _parsed(path, received)


def _parsed(path: str, received: bytes) -> Answer:
    """Read the one answer of a connection that the agent has closed."""
    head, separator, content = received.partition(b"\r\n\r\n")
    if len(received) > _LARGEST or not b"HTTP/1.1 ".startswith(head[:9]):
        raise not_the_agent(path)
    if not separator:
        raise _hung_up(path)
    status_line, *lines = head.split(b"\r\n")
    status = status_line[9:12]
    fields = (line.partition(b":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in fields}
    length = headers.get(b"content-length", b"0")
    if not status.isdigit() or not length.isdigit() or b"transfer-encoding" in headers:
        raise not_the_agent(path)
    if len(length) > _MOST_DIGITS:  # Python reads no integer of thousands of them
        raise not_the_agent(path)
    if len(content) < int(length):
        raise _hung_up(path)
    return Answer(int(status), content[: int(length)])


def not_the_agent(path: str) -> SetupError:
    """Make the error for an answer that no agent gives."""
    return SetupError(f"{path}: what answers here is no Freshkey agent: name its socket")


def _hung_up(path: str) -> AgentAwayError:
    return AgentAwayError(f"{path}: the agent hung up before its answer was whole: look at its log")


def _unreachable(path: str, error: OSError) -> AgentAwayError | SetupError:
    match error:
        case FileNotFoundError():
            why = "there is no such socket: start the agent, or name its socket"
        case ConnectionRefusedError():
            why = "nobody listens here: start the agent, or name its socket"
        case BlockingIOError():
            why = "the agent has more callers waiting than it takes: try again"
        case PermissionError():
            return SetupError(
                f"{path}: may not be used by user id {os.geteuid()}: join the socket's group"
            )
        case OSError(errno=None):
            return SetupError(f"{path}: {error}: name another place for the agent's socket")
        case _:
            why = str(error.strerror)
    return AgentAwayError(f"{path}: {why}")
