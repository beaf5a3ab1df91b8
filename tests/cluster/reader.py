"""An application that reads the key file all the time, and asks OpenAI whether the key works."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from testbed.key_check import KeyCheck, Outcome

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
        check = KeyCheck(self._path, self._port)
        try:
            while not self._closing.wait(EVERY):
                looked_at = time.monotonic()
                match check.look():
                    case Outcome.MISSING:
                        self.missing += 1
                        continue
                    case Outcome.REFUSED:
                        refusal = self.refusals.setdefault(check.key, Refusal(looked_at, looked_at))
                        refusal.last = looked_at
                    case Outcome.WORKS:
                        pass
                self.polls += 1
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            self.error = error
        finally:
            self.seconds = time.monotonic() - began
            check.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join(timeout=20)
        assert self.error is None, self.error
