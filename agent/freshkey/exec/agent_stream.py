"""What the agent says at one path of its socket, over all of its restarts."""

from __future__ import annotations

import os
import socket
from http import HTTPStatus
from selectors import EVENT_READ
from typing import TYPE_CHECKING, Final, final

from freshkey.core.model.text import one_line
from freshkey.exec.answers import Answer, AnswerReader, NotTheAgentError
from freshkey.exec.key_names import detail_in, is_of_gateway

if TYPE_CHECKING:
    from pathlib import Path
    from selectors import BaseSelector

    from freshkey.core.model.secret import Secret
    from freshkey.exec.answers import Event

_FIRST_PAUSE: Final = 0.1  # seconds; doubles with every try that comes to nothing
_LONGEST_PAUSE: Final = 5.0
_SILENCE: Final = 60.0  # seconds without a byte; a live agent sends a comment every 15
_REFUSALS: Final = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_AT_ONCE: Final = 64 * 1024


@final
class AgentStream:
    """Asks for one path on a connection of its own, again with a growing pause when that ends.

    `token` goes along as a bearer's. `trouble` says why there are no news, and is empty while they
    may come. `hopeless` is whether only a person can change that, `unanswered` whether nobody
    listens at the socket at all.
    """

    def __init__(
        self, path: Path, target: str, selector: BaseSelector, token: Secret | None = None
    ) -> None:
        self.trouble = ""
        self.hopeless = False
        self.unanswered = False
        self._path = path
        self._target = target
        self._selector = selector
        self._token = token
        self._socket: socket.socket | None = None
        self._reader = AnswerReader()
        self._tag = ""
        self._pause = _FIRST_PAUSE
        self._due = 0.0

    def due(self) -> float:
        """Return when `plan` has something to do, unless bytes come before."""
        return self._due

    def plan(self, now: float) -> None:
        """Connect if it is time to, or give up a connection that is silent."""
        if now < self._due:
            return
        if self._socket is not None:
            self._again(now, "the agent is silent: look at its log")
            return
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(0)  # seconds: it never blocks
            connection.connect(os.fspath(self._path))
            connection.send(self._request())
        except OSError as error:
            connection.close()
            self._not_connected(now, error)
            return
        self.unanswered = False
        self._socket = connection
        self._reader = AnswerReader()
        self._due = now + _SILENCE
        self._selector.register(connection, EVENT_READ, self)

    def receive(self, now: float) -> list[Answer | Event]:
        """Read what came."""
        if self._socket is None:
            return []
        try:
            data = self._socket.recv(_AT_ONCE)
            items = self._reader.feed(data)
        except BlockingIOError:
            return []
        except OSError as error:
            self._again(now, f"{error.strerror or error}")
            return []
        except NotTheAgentError:
            why = "what answers here is not a Freshkey agent: name its socket with --socket"
            self._again(now, why, hopeless=True)
            return []
        if not data:
            self._again(now, "the agent hung up")
            return []
        self._due = now + _SILENCE
        if self._reader.streams:
            self.trouble, self.hopeless, self._pause = "", False, _FIRST_PAUSE
        for item in items:
            if isinstance(item, Answer):
                self._answered(now, item)
            else:
                self._tag = item.tag
        return items

    @property
    def is_open(self) -> bool:
        """Whether the agent has begun to answer, and goes on."""
        return self._socket is not None and self._reader.streams

    def ask_again(self, now: float) -> None:
        """Ask anew at the next `plan`, for what came before, too."""
        self._hang_up()
        self._reader = AnswerReader()
        self._tag = ""
        self._due = now

    def close(self) -> None:
        """Hang up."""
        self._hang_up()

    def _not_connected(self, now: float, error: OSError) -> None:
        refused = isinstance(error, ConnectionRefusedError)
        no_socket = refused and self._path.exists() and not self._path.is_socket()
        self.unanswered = isinstance(error, FileNotFoundError) or (refused and not no_socket)
        forbidden = isinstance(error, PermissionError)
        if no_socket:
            why = "this is not a socket: name the agent's with --socket"
        elif self.unanswered:
            why = "nobody answers here: start the agent, or name its socket (--socket)"
        elif forbidden:
            why = (
                f"may not be used by user id {os.geteuid()}: join the socket's group, or run this "
                "as its owner"
            )
        else:
            why = error.strerror or str(error)
        self._again(now, why, hopeless=forbidden or no_socket)

    def _answered(self, now: float, answer: Answer) -> None:
        if answer.status == HTTPStatus.OK:
            self._again(now, "")
            return
        if is_of_gateway(answer.content):
            why = "this is the gateway's socket: name the agent's with --socket"
            self._again(now, why, hopeless=True)
            return
        detail = detail_in(answer.content) or f"the agent answered {answer.status}: look at its log"
        self._again(now, f"{self._target}: {detail}", hopeless=answer.status in _REFUSALS)

    def _again(self, now: float, why: str, *, hopeless: bool = False) -> None:
        self._hang_up()
        self.trouble = one_line(f"{self._path}: {why}") if why else ""
        self.hopeless = hopeless
        self._due = now + self._pause
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None

    def _request(self) -> bytes:
        lines = [f"GET {self._target} HTTP/1.1", "Host: localhost"]
        if self._token is not None:
            lines.append(f"Authorization: Bearer {self._token.reveal()}")
        if self._tag:
            lines.append(f"Last-Event-ID: {self._tag}")
        return "\r\n".join([*lines, "", ""]).encode()
