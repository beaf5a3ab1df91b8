"""A program under measurement: how soon it gets somewhere, and what it costs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self, TypeAlias

from bench.lifeline import LIFELINE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Command: TypeAlias = Sequence[str | Path]

ROOT: Final = Path(__file__).resolve().parent.parent
PATIENCE: Final = 30.0  # seconds
_TICK: Final = 0.001  # seconds


@contextmanager
def pinned(cpu: int | None) -> Iterator[None]:
    """Run on one processor, and start children there; None: as before."""
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, usual if cpu is None else {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, usual)


class Reached(NamedTuple):
    """Milliseconds from a program's start to what was waited for, and those of processor time."""

    took: float
    processor: float


class Program:
    """A child process with its output in a file, `log`; a context manager that kills it.

    It does not outlive us, whatever ends us. It runs in the root of the repository and, with
    `cpu`, on that processor only.
    """

    def __init__(self, command: Command, log: Path, cpu: int | None = None) -> None:
        self.log = log
        environment = {"PATH": os.defpath}
        if cpu is not None:
            environment["GOMAXPROCS"] = "1"
        LIFELINE.start()
        with pinned(cpu), log.open("ab") as output:
            self._began = time.perf_counter()
            self._child = subprocess.Popen(
                [*command],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        LIFELINE.add(self.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    def until(self, reached: Callable[[], object], patience: float = PATIENCE) -> Reached:
        """Wait; SystemExit when it ends first, or takes longer than `patience` seconds."""
        while not reached():
            if self._child.poll() is not None or time.perf_counter() - self._began > patience:
                last = self.log.read_text(errors="replace").rstrip().rpartition("\n")[2]
                sys.exit(
                    f"bench: {self._child.args!r} did not get there: {last or 'it said nothing'}"
                )
            time.sleep(_TICK)
        took = time.perf_counter() - self._began
        return Reached(took * 1e3, self.processor() * 1e3)

    def signal(self, number: int) -> None:
        """Send a signal, and wait for the end that it means; SystemExit when there is none."""
        self._child.send_signal(number)
        try:
            self._child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            sys.exit(f"bench: {self._child.args!r} did not end")

    def processor(self) -> float:
        """Seconds of processor time that all its threads took, with those that have ended."""
        # clock_getcpuclockid(3), which Python lacks: of a process, in nanoseconds.
        return time.clock_gettime(~self.pid << 3 | 2)

    def memory(self) -> int:
        """Resident memory in KiB (proc(5))."""
        return self._kib("status", "VmRSS")

    def proportional(self) -> int:
        """Memory in KiB, with a share of the pages that others have, too (proc(5))."""
        return self._kib("smaps_rollup", "Pss")

    def _kib(self, file: str, field: str) -> int:
        text = Path(f"/proc/{self.pid}/{file}").read_text()
        found = re.search(rf"^{field}:\s+([0-9]+) kB$", text, re.MULTILINE)
        return int(found[1]) if found else 0

    def kill(self) -> None:
        """SIGKILL."""
        self._child.kill()
        self._child.wait()
        LIFELINE.remove(self.pid)
