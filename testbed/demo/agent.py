"""The agent under show: `freshkey run` as a process, asked over its socket like anybody else."""

import os
import signal
import socket
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
class PublishedKey:
    """What the agent says of a key: the tag, whole seconds to its expiry, whether it is past it.

    A static key has no expiry.
    """

    tag: str
    expires_in: int | None
    stale: bool = False


class Agent:
    """`with Agent(...) as agent:` starts and stops it; `configuration` is in `directory`."""

    def __init__(self, directory: Path, configuration: str, logs: Path, vault_address: str) -> None:
        self.socket = directory / "freshkey.sock"
        self.gateway = directory / "openai.sock"
        self.audit_file = directory / "audit"
        self.killed = False
        self._directory = directory
        self._configuration = directory / configuration
        self._command: list[str | Path] = [
            Path(sys.executable).with_name("freshkey"),
            "run",
            "--config",
            directory / configuration,
        ]
        self._log = logs / "agent.log"
        self._environment = {"VAULT_ADDR": vault_address}
        self._process = self._start()
        self.events = EventLog(self._log, KEY)
        self._client = httpx2.Client(
            transport=httpx2.HTTPTransport(uds=str(self.socket)), base_url="http://freshkey"
        )

    def _start(self) -> ServerProcess:
        return ServerProcess(self._command, log=self._log, environment=self._environment)

    def key_file(self, key: str = KEY) -> Path:
        """Return where the file of a key is."""
        return self._directory / "keys" / key

    def _listens(self) -> bool:
        """Whether it takes connections: the file is there before it does, and after a kill."""
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    def published_key(self, key: str = KEY) -> PublishedKey | None:
        """Ask for a key; None when the agent has none to give, or doesn't answer."""
        if not self._listens():  # httpx2 leaves its own socket open when it can't connect
            return None
        try:
            response = self._client.get(f"/v1/keys/{key}")
        except httpx2.HTTPError:
            return None
        if not response.is_success:
            return None
        answer = response.json()
        return PublishedKey(answer["tag"], answer["expires_in"], answer["stale"])

    def metrics(self) -> str | None:
        """Scrape /metrics; None when the agent doesn't answer."""
        if not self._listens():
            return None
        try:
            response = self._client.get("/metrics")
        except httpx2.HTTPError:
            return None
        return response.text if response.is_success else None

    def rotate(self) -> None:
        """Ask for a new key; DemoError when the agent doesn't take that on."""
        try:
            response = self._client.post(f"/v1/keys/{KEY}/rotate", json={})
        except httpx2.HTTPError as error:
            raise DemoError(f"the agent was asked for a new key: {error!r}") from error
        if response.status_code != httpx2.codes.ACCEPTED:
            raise DemoError(f"the agent was asked for a new key: HTTP {response.status_code}")

    def edit(self, change: Callable[[str], str]) -> None:
        """Change the configuration as an editor does, and have the agent reload it."""
        new = self._configuration.with_name("edited")
        new.touch(mode=0o600)
        new.write_text(change(self._configuration.read_text()))
        new.replace(self._configuration)
        os.kill(self._process.pid, signal.SIGHUP)

    def wait_for_key(self, stopping: Callable[[], bool], key: str = KEY) -> PublishedKey:
        """Wait for a key; DemoError when none comes, Interrupted when `stopping` turns true."""
        deadline = time.monotonic() + FIRST_KEY_WITHIN
        while not stopping():
            if published_key := self.published_key(key):
                return published_key
            if not self.running:
                raise DemoError(self.exit_message())
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

    def exit_message(self) -> str:
        """Say that it ended, with the last line of its output."""
        return f"the agent ended by itself: {self._process.tail(1) or 'it said nothing'}"

    def kill(self) -> None:
        """SIGKILL."""
        self.killed = True
        self._process.kill()

    def start_again(self) -> None:
        """Start it after `kill`."""
        self._process = self._start()
        self.killed = False

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
