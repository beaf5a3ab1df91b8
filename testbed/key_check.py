"""Whether the key in a file works now, as an application would find out."""

import http.client
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path

TIMEOUT = 10
"""Seconds."""


class Outcome(StrEnum):
    """What a look at the file found."""

    WORKS = "works"
    MISSING = "missing"
    REFUSED = "refused"


class KeyCheck:
    """Reads one file, and asks one emulator, over a connection that is kept."""

    def __init__(self, path: Path, port: int) -> None:
        self._path = path
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        self.key = ""
        """What the file had at the last look."""

    def look(self) -> Outcome:
        """Read the file, and ask about its key; OSError when the emulator does not answer.

        A key that is refused, and is not in the file any more, was taken back rightly: then the
        file is read again.
        """
        while True:
            self.key = self._read()
            if not self.key:
                return Outcome.MISSING
            if self._is_accepted():
                return Outcome.WORKS
            if self._read() == self.key:
                return Outcome.REFUSED

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _read(self) -> str:
        """Return what the file has; nothing for a file that can't be read or is empty."""
        try:
            return self._path.read_text(errors="replace").strip()
        except OSError:
            return ""

    def _is_accepted(self) -> bool:
        """Whether OpenAI takes it. What no header can hold is no key."""
        if not self.key.isascii() or not self.key.isprintable():
            return False
        self._connection.request(
            "GET", "/v1/models", headers={"Authorization": f"Bearer {self.key}"}
        )
        answer = self._connection.getresponse()
        answer.read()
        return answer.status != HTTPStatus.UNAUTHORIZED
