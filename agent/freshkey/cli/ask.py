"""One question to a running agent: HTTP/1.1 over its Unix socket."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, IncompleteRead
from typing import TYPE_CHECKING, Final, NamedTuple

from freshkey.cli.failure import CommandError
from freshkey.cli.output import shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PATIENCE: Final = 10.0  # seconds for any answer, on top of the time that it was asked to wait
_LARGEST: Final = 16 * 1024 * 1024  # bytes of an answer


class NoAgentError(CommandError):
    """There is no agent that answers now; one that restarts will soon."""


class NotAllowedError(CommandError):
    """The agent does not give this user the key."""


class Answer(NamedTuple):
    """An agent's answer; `content` is its JSON object, empty where it has none."""

    status: int
    content: Mapping[str, object]

    def __repr__(self) -> str:
        return f"Answer({self.status})"  # the content may hold a key


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.fspath(self._path))


def ask(
    path: Path,
    target: str,
    *,
    tag: str | None = None,
    order: Mapping[str, object] | None = None,
    wait: float = 0.0,
) -> Answer:
    """Ask the agent at a socket: GET, or POST with an `order`; `tag` is one that is held already.

    `wait` is how many seconds the agent was asked to wait with its answer. Raises NoAgentError,
    or CommandError when asking again would not help.
    """
    headers = {"Accept": "application/json", "Connection": "close"}
    if tag is not None:
        headers["If-None-Match"] = f'"{tag}"'
    body = None if order is None else json.dumps(order)
    connection = _UnixConnection(path, wait + _PATIENCE)
    try:
        # An agent that is full answers without reading, and hangs up.
        with suppress(BrokenPipeError):
            connection.request("GET" if body is None else "POST", target, body, headers)
        with connection.getresponse() as response:
            if response.length is None or response.length > _LARGEST:
                raise _not_the_agent(path)
            return Answer(response.status, _content(path, response.read()))
    except TimeoutError:
        raise NoAgentError(
            f"{shown(path)}: no answer within {wait + _PATIENCE:.0f} s: look at the agent's log"
        ) from None
    except (ConnectionResetError, IncompleteRead):
        raise NoAgentError(
            f"{shown(path)}: the agent hung up before its answer was whole: look at its log"
        ) from None
    except HTTPException:
        raise _not_the_agent(path) from None
    except OSError as error:
        raise _unreachable(path, error) from None
    finally:
        connection.close()


def refusal(answer: Answer, name: str = "") -> CommandError:
    """Make the error for an answer that is none of those that were hoped for."""
    detail = answer.content.get("detail")
    line = shown(detail) if detail else f"the agent answered {answer.status}: look at its log"
    if answer.content.get("code") == "unknown_key":
        line += ": `freshkey status` lists the keys"
    kind = NotAllowedError if answer.status == HTTPStatus.FORBIDDEN else CommandError
    return kind(line if line.startswith(name) else f"{name}: {line}")


def _content(path: Path, body: bytes) -> Mapping[str, object]:
    try:
        content = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise _not_the_agent(path)
    if isinstance(content.get("error"), dict):  # OpenAI's form of an error
        raise CommandError(
            f"{shown(path)}: this is the gateway's socket: name the agent's with --socket"
        )
    return content


def _not_the_agent(path: Path) -> CommandError:
    return CommandError(
        f"{shown(path)}: what answers here is not a Freshkey agent: name its socket with --socket"
    )


def _unreachable(path: Path, error: OSError) -> CommandError:
    match error:
        case FileNotFoundError():
            why = "there is no such socket: start the agent, or name its socket with --socket"
        case ConnectionRefusedError() if path.exists() and not path.is_socket():
            return CommandError(f"{shown(path)}: this is not a socket: name another --socket")
        case ConnectionRefusedError():
            why = "nobody listens here: start the agent, or name its socket with --socket"
        case BlockingIOError():
            why = "the agent has more callers waiting than it takes: try again"
        case PermissionError():
            return CommandError(
                f"{shown(path)}: may not be used by user id {os.geteuid()}: "
                "join the socket's group, or run this as its owner"
            )
        case _:
            return CommandError(f"{shown(path)}: {error.strerror or error}: name another --socket")
    return NoAgentError(f"{shown(path)}: {why}")
