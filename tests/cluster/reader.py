"""An application that reads the key file all the time, and asks OpenAI whether the key works."""

from __future__ import annotations

import http.client
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

EVERY = 0.02  # seconds


@dataclass
class Refusal:
    """A key that OpenAI refused while it was in the file, from the first time to the last."""

    first: float
    last: float


class Reader:
    """Polls in a thread of its own from `with` on; times are time.monotonic()."""

    def __init__(self, path: Path, port: int) -> None:
        self._path = path
        self._port = port
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self.refusals: dict[str, Refusal] = {}
        self.polls = 0
        self.seconds = 0.0  # for which it has polled
        self.missing = 0
        self.error: BaseException | None = None

    @property
    def refused_for(self) -> float:
        """The longest time for which one key was found refused."""
        return max((r.last - r.first for r in self.refusals.values()), default=0.0)

    def _poll(self) -> None:
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            while not self._closing.wait(EVERY):
                try:
                    key = self._path.read_text()
                except FileNotFoundError:
                    self.missing += 1
                    continue
                read_at = time.monotonic()
                if not self._works(connection, key) and self._is_there(key):
                    refusal = self.refusals.setdefault(key, Refusal(read_at, read_at))
                    refusal.last = read_at
                self.polls += 1
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            self.error = error
        finally:
            self.seconds = time.monotonic() - began
            connection.close()

    def _is_there(self, key: str) -> bool:
        """Whether the file has this key still."""
        try:
            return self._path.read_text() == key
        except FileNotFoundError:  # withdrawn since
            return False

    def _works(self, connection: http.client.HTTPConnection, key: str) -> bool:
        connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        answer.read()
        return answer.status != HTTPStatus.UNAUTHORIZED

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join(timeout=20)
        assert self.error is None, self.error
