"""The applications beside the agent, as processes, and what they say of their requests."""

import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from testbed.demo.consumers.counts import Counts, RequestFailure
from testbed.demo.errors import DemoError, Interrupted
from testbed.demo.log_tail import LogTail
from testbed.process import ServerProcess

ROOT: Final = Path(__file__).resolve().parents[2]
FIRST_REQUEST_WITHIN: Final = 30
"""Seconds: usual is one."""

MAX_FAILURES: Final = 10_000
"""The newest, for each application: half an hour in which nothing is served."""


@dataclass(frozen=True)
class ConsumerKind:
    """An application: its program, how it gets its key, and whether the agent keeps it served."""

    name: str
    module: str
    description: str
    reads_file: bool
    follows_rotation: bool = True
    holds_a_key: bool = True


FILE: Final = ConsumerKind(
    "file", "from_file", "reads the key file for every request", reads_file=True
)
SOCKET: Final = ConsumerKind(
    "socket", "from_socket", "asks the socket for every request", reads_file=False
)
OLD: Final = ConsumerKind(
    "old", "read_once", "read the file once, at its start", reads_file=True, follows_rotation=False
)
REPORTER: Final = ConsumerKind(
    "reporter", "from_socket_reporting", "asks the socket, and reports a 401", reads_file=False
)


GATEWAY: Final = ConsumerKind(
    "gateway",
    "from_gateway",
    "asks through the gateway, and holds no key",
    reads_file=False,
    holds_a_key=False,
)


class Consumer:
    """One application; `argument` is the file or the socket that it reads."""

    def __init__(self, kind: ConsumerKind, argument: Path, base_url: str, logs: Path) -> None:
        self.kind = kind
        self.counts = Counts()
        self.failures: deque[RequestFailure] = deque(maxlen=MAX_FAILURES)
        self._process = ServerProcess(
            [sys.executable, "-m", f"testbed.demo.consumers.{kind.module}", argument],
            log=logs / f"{kind.name}.log",
            environment={
                "OPENAI_BASE_URL": base_url,
                "PATH": os.defpath,
                "PYTHONPATH": str(ROOT),
            },
        )
        self._reports = LogTail(self._process.log)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.running

    def first_request(self, stopping: Callable[[], bool]) -> None:
        """Wait until it has asked once; DemoError when it doesn't, Interrupted when told so."""
        deadline = time.monotonic() + FIRST_REQUEST_WITHIN
        while self.counts == Counts():
            if stopping():
                raise Interrupted("stopped before all applications had started")
            if not self.running:
                raise DemoError(self.exit_message())
            if time.monotonic() > deadline:
                raise DemoError(f"the consumer {self.kind.name!r} asked nothing: see its log")
            time.sleep(0.02)
            self.update()

    def update(self) -> None:
        """Read its latest reports; a line that is none changes nothing."""
        for line in self._reports.new_lines():
            try:
                report = json.loads(line)
                failures = [RequestFailure(**failure) for failure in report.pop("failures")]
                self.counts = Counts(**report)
            except (ValueError, LookupError, TypeError, AttributeError):
                continue
            self.failures.extend(failures)

    def exit_message(self) -> str:
        """Say that it ended, with the last line of its output."""
        return f"the consumer {self.kind.name!r} ended by itself: {self._process.tail(1)}"

    def stop(self) -> None:
        """Let it finish its request, and read its last counts. May be called twice."""
        self._process.stop()
        self.update()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
