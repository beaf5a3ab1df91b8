"""The agent under show: `freshkey run` as a process, asked over its socket like anybody else."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from testbed.demo.errors import DemoError, Interrupted
from testbed.demo.events import EventLog
from testbed.process import ServerProcess

KEY = "demo"
FIRST_KEY_WITHIN = 30
STOP_WITHIN = 30
"""Seconds, both: a stop waits up to 20 for a mint under way."""


@dataclass(frozen=True)
class Shown:
    """What the agent says of its key: the tag, and whole seconds to its expiry."""

    tag: str
    expires_in: int


class Agent:
    """`with Agent(...) as agent:` starts and stops it."""

    def __init__(self, directory: Path, logs: Path, vault_address: str) -> None:
        self.socket = directory / "freshkey.sock"
        self.key_file = directory / "keys" / KEY
        self._process = ServerProcess(
            [
                Path(sys.executable).with_name("freshkey"),
                "run",
                "--config",
                directory / "demo.toml",
            ],
            log=logs / "agent.log",
            environment={"VAULT_ADDR": vault_address},
        )
        self.events = EventLog(self._process.log)
        self._client = httpx2.Client(
            transport=httpx2.HTTPTransport(uds=str(self.socket)), base_url="http://freshkey"
        )

    def shown(self) -> Shown | None:
        """Ask for the key; None when the agent has none to give, or doesn't answer."""
        try:
            response = self._client.get(f"/v1/keys/{KEY}")
        except httpx2.HTTPError:
            return None
        if not response.is_success:
            return None
        key = response.json()
        return Shown(key["tag"], key["expires_in"])

    def first_key(self, stopping: Callable[[], bool]) -> Shown:
        """Wait for a key; DemoError when none comes, Interrupted when `stopping` turns true."""
        deadline = time.monotonic() + FIRST_KEY_WITHIN
        while not stopping():
            if shown := self.shown():
                return shown
            if not self.running:
                raise DemoError(self.last_words())
            if time.monotonic() > deadline:
                self.events.update()
                last = self.events.recent[-1] if self.events.recent else "it logged nothing"
                raise DemoError(
                    f"no key within {FIRST_KEY_WITHIN} s; the agent's last event: {last}"
                )
            time.sleep(0.02)
        raise Interrupted("stopped before there was a key")

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.running

    def last_words(self) -> str:
        """Say that it ended, with the last line of its output."""
        return f"the agent ended by itself: {self._process.tail(1) or 'it said nothing'}"

    def stop(self) -> None:
        """SIGTERM, and wait for its end. May be called twice."""
        self._process.stop(STOP_WITHIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        self._client.close()
