"""One agent in one scenario: its process, under a supervisor, and its reader."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from testbed.chaos import reader
from testbed.chaos.figures import MINUTE, Figures, longest_gap
from testbed.chaos.site import Site
from testbed.chaos.subjects import OVERLAP, Subject
from testbed.process import ServerProcess
from testbed.recording_proxy import RecordedRequest

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE: Final = 60.0
RESTART_AFTER: Final = 1.0
SETTLING: Final = OVERLAP + 5.0
REVOKING: Final = 1.0
TICK: Final = 0.05
"""Seconds, all five; the second is what a service manager waits before it starts an agent anew."""


TRACEBACK: Final = b"Traceback (most recent call last)"
ABANDONED: Final = b'"event": "mint.abandoned"'


class AgentRunError(Exception):
    """What should have come did not; the text is one line."""


class AgentRun:
    """Not for several threads at once. `stop` ends what it has started."""

    def __init__(self, subject: Subject, site: Site, stopping: Callable[[], bool]) -> None:
        self.subject, self.site = subject, site
        self._stopping = stopping
        self.configuration = subject.write_configuration(site)
        self.log = site.directory / "agent.log"
        self.output: int | None = None
        self.clog_output: Callable[[], None] = _not_in_a_pipe
        self.prefix: list[str | Path] = []
        self.exits = 0
        self.note = ""
        self._process: ServerProcess | None = None
        self._reader: ServerProcess | None = None
        self.first_key_at = 0.0
        self._began = self._ended = 0.0

    @property
    def process(self) -> ServerProcess:
        """The agent."""
        if self._process is None:
            raise AgentRunError(f"{self.subject.name} was not started")
        return self._process

    @property
    def reader(self) -> ServerProcess:
        """The application."""
        if self._reader is None:
            raise AgentRunError(f"nobody reads from {self.subject.name} yet")
        return self._reader

    def start(self) -> None:
        """Start the agent."""
        command = [*self.prefix, *self.subject.command(self.configuration)]
        environment = {"PATH": os.defpath, "HOME": str(self.site.directory), "TZ": "UTC"}
        self._process = ServerProcess(
            command, log=self.log, environment=environment, output=self.output
        )

    def terminate(self) -> None:
        """End the agent as a service manager does, and wait for that."""
        self.process.stop(PATIENCE)

    def hang_up(self) -> None:
        """Have the agent read its configuration again."""
        os.kill(self.process.pid, signal.SIGHUP)

    def wait(self, seconds: float) -> None:
        """Let time pass; an agent that ends by itself is started again.

        Raises AgentRunError once `stopping` is true.
        """
        self.wait_until(time.monotonic() + seconds)

    def wait_until(self, instant: float) -> None:
        """As `wait`, until an instant of time.monotonic()."""
        while time.monotonic() < instant:
            if self._stopping():
                raise AgentRunError("stopped before its end")
            if not self.process.running:
                self.exits += 1
                self.process.stop()  # what would end it with us ends, too
                time.sleep(RESTART_AFTER)
                self.start()
            time.sleep(TICK)

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something that has to come; AgentRunError when it doesn't."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise AgentRunError(f"{self.subject.name}: no {what} within {PATIENCE:g} s")
            self.wait(TICK)

    def start_reading(self) -> None:
        """Wait for the first key, and let an application read it from now on."""
        self.wait_for(self.site.key_file.exists, "key file")
        age = time.time() - self.site.key_file.stat().st_mtime
        self.first_key_at = time.monotonic() - age
        arguments = (self.site.key_file, str(self.site.servers.openai.port), self._record)
        self._reader = ServerProcess(
            [sys.executable, "-m", "testbed.chaos.reader", *arguments],
            log=self.site.directory / "reader.log",
            environment={"PATH": os.defpath, "PYTHONPATH": str(ROOT)},
        )
        self.wait_for(lambda: self._record.exists() and bool(self._looks()), "look of the reader")
        self._began = time.monotonic()

    def stop_reading(self) -> None:
        """End the application; the figures are of the time until now."""
        if not self.reader.running:
            raise AgentRunError(f"the reader ended by itself: {self.reader.tail(1)}")
        self._ended = time.monotonic()
        self.reader.stop()

    def finish(self) -> Figures:
        """Stop the agent as a user would, outside of an overlap, and return the figures."""
        deadline = time.monotonic() + SETTLING
        while self.site.counts()["live"] > 1 and time.monotonic() < deadline:
            self.wait(TICK)
        self.terminate()
        time.sleep(REVOKING)
        counts = self.site.counts()
        looks = [look for look in self._looks() if look[0] >= self._began]
        said = self.log.read_bytes()
        return Figures(
            seconds=self._ended - self._began,
            looks=len(looks),
            unserved=sum(not works for _, works in looks),
            longest_gap=longest_gap(looks),
            minted=counts["mints"],
            most_alive=counts["high_water"],
            alive_at_end=counts["live"],
            vault_calls=self._per_minute(self.site.to_vault.requests_since(self._began)),
            openai_calls=self._per_minute(self.site.to_openai.requests_since(self._began)),
            exits=self.exits,
            tracebacks=said.count(TRACEBACK),
            abandoned=said.count(ABANDONED),
            note=self.note,
        )

    def stop(self) -> None:
        """End everything at once."""
        for process in (self._reader, self._process):
            if process is not None:
                process.kill()

    def key_in_file(self) -> str:
        """Return the fingerprint of what the file has, nothing when there is no file."""
        try:
            content = self.site.key_file.read_bytes()
        except OSError:
            return ""
        return sha256(content).hexdigest()

    def keep_logs(self, directory: Path) -> None:
        """Copy what the agent and the reader have said."""
        directory.mkdir(parents=True, exist_ok=True)
        for log in (self.log, self.site.directory / "reader.log", self._record):
            if log.exists():
                shutil.copy(log, directory)

    @property
    def _record(self) -> Path:
        return self.site.directory / "looks"

    def _looks(self) -> list[tuple[float, bool]]:
        return reader.read(self._record)

    def _per_minute(self, requests: list[RecordedRequest]) -> float:
        calls = sum(bool(request.method) and request.at < self._ended for request in requests)
        return calls * MINUTE / (self._ended - self._began)


def _not_in_a_pipe() -> None:
    raise AgentRunError("the agent's output is not in a pipe")
