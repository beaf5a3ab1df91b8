"""One `go build` with its progress in lines and its output in a log."""

import errno
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from testbed.signals import HeldSignals
from testbed.toolchain import BuildError, Go

REPORT_EVERY = 15
"""Seconds between two lines of progress."""

DISK_SPACE_HINT = "a build from nothing needs about 6 GB, and 9 GB with what is for logins"

LAST_LINES = 8
"""How much of a failed command's output is shown."""


def print_progress(text: str) -> None:
    """Print a line of progress."""
    print(f"testbed: {text}", flush=True)


@dataclass
class Compilation:
    """The build of one binary, and its progress.

    `output` is in a directory made for this; go's own temporary files are there too. Go inherits
    the descriptor `lock`: if we are killed, the next build waits for Go's end.
    """

    go: Go
    source: Path
    arguments: Sequence[str]
    output: Path
    log: Path
    lock: int
    began: float = field(default_factory=time.monotonic)
    downloaded: int = 0
    compiled: int = 0
    total: int = 0

    def run(self) -> None:
        """Build, saying how far it is; BuildError when it fails."""
        self.log.unlink(missing_ok=True)
        stale = "{{if .Stale}}{{.ImportPath}}{{end}}"  # what is not compiled yet
        self._go("list", "-deps", "-f", stale, *self.arguments)
        self.total, self.compiled = self.compiled, 0
        self._go("build", "-v", "-o", str(self.output), *self.arguments)
        print_progress(f"{self.output.name}: built in {self._elapsed()}")

    def _go(self, *command: str) -> None:
        """Run go; count what it prints, a package or a download per line."""
        held = HeldSignals()  # one that comes before we know the child would leave it behind
        with (
            self.log.open("a") as log,
            self._periodic_reports(),
            self._start(held, command) as child,
        ):
            try:
                held.release()
                for line in child.stdout or ():
                    log.write(line)
                    self._count(line)
            except BaseException:
                child.send_signal(signal.SIGINT)
                raise
        if child.returncode:
            raise BuildError(self._failure())

    def _start(self, held: HeldSignals, command: Sequence[str]) -> "subprocess.Popen[str]":
        try:
            return subprocess.Popen(
                [self.go.executable, *command],
                cwd=self.source,
                env=self.go.environment() | {"GOTMPDIR": str(self.output.parent)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                pass_fds=[self.lock],
            )
        except OSError:
            held.release()
            raise

    def _count(self, line: str) -> None:
        if line.startswith("go: downloading"):
            self.downloaded += 1
        elif not line.startswith(("go: ", "#")):
            self.compiled += 1

    @contextmanager
    def _periodic_reports(self) -> Iterator[None]:
        ended = threading.Event()

        def report() -> None:
            while not ended.wait(REPORT_EVERY):
                print_progress(f"{self.output.name}: {self._elapsed()}: {self._progress()}")

        reporter = threading.Thread(target=report, daemon=True)
        reporter.start()
        try:
            yield
        finally:
            ended.set()
            reporter.join()

    def _progress(self) -> str:
        if not self.total:
            return f"{self.downloaded} modules fetched"
        if self.compiled < self.total:
            return f"{self.compiled} of {self.total} packages"
        return f"the last of {self.total} packages, then linking"

    def _failure(self) -> str:
        name, text = self.output.name, self.log.read_text()
        if os.strerror(errno.ENOSPC).lower() in text.lower():
            return f"{name}: the disk is full; {DISK_SPACE_HINT}"
        last = "".join(f"\n  {line}" for line in text.splitlines()[-LAST_LINES:])
        return f"{name}: the build failed; all of its output is in {self.log}; the end:{last}"

    def _elapsed(self) -> str:
        minutes, seconds = divmod(round(time.monotonic() - self.began), 60)
        return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
