"""strace: the system calls that change files, and a SIGKILL at one of them.

https://man7.org/linux/man-pages/man1/strace.1.html, "Tampering"
"""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PROGRAM: Final = "strace"
ATTACHES_WITHIN: Final = 10.0
"""Seconds."""

CALLS: Final = (
    *("openat", "write", "ftruncate", "fsync", "fdatasync", "fchmod", "fchmodat", "?chmod"),
    *("fchown", "fchownat", "?rename", "renameat", "renameat2", "?unlink", "unlinkat", "?link"),
    *("linkat", "?mkdir", "mkdirat"),
)
"""What can change a file; not every architecture has those with a question mark."""

_CALL: Final = re.compile(r"^(?:\d+ +)?([a-z0-9_]+)\(", re.MULTILINE)
_READS: Final = re.compile(r"^(?:\d+ +)?openat\((?!.*O_CREAT)", re.MULTILINE)


def kill_at(number: int, *calls: str) -> list[str]:
    """Return options that kill a thread's process as its call of this number, from 1, begins."""
    return [f"--inject={','.join(calls)}:signal=KILL:when={number}"]


def traced(record: Path, *calls: str, options: list[str]) -> list[str]:
    """Return what starts a program, with all its threads, under strace."""
    return [PROGRAM, "--follow-forks", f"--trace={','.join(calls)}", f"--output={record}", *options]


@contextmanager
def attached(pid: int, record: Path, *options: str) -> Iterator[None]:
    """Watch CALLS of one thread of a process that runs, into a fresh record."""
    command = [PROGRAM, f"--attach={pid}", f"--trace={','.join(CALLS)}", f"--output={record}"]
    record.unlink(missing_ok=True)
    said = record.with_suffix(".said")
    with said.open("wb") as output:
        strace = subprocess.Popen([*command, *options], stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + ATTACHES_WITHIN
        while f"{pid} attached" not in said.read_text():
            if strace.poll() is not None or time.monotonic() > deadline:
                raise OSError(f"strace: {said.read_text().strip()}")
            time.sleep(0.01)
        yield
    finally:
        strace.terminate()
        strace.wait()


def steps(record: Path) -> list[int]:
    """Return the numbers, from 1, of the calls in a record that change something."""
    lines = [line for line in record.read_text().splitlines() if _CALL.match(line)]
    return [number for number, line in enumerate(lines, 1) if not _READS.match(line)]


def count(record: Path, call: str) -> int:
    """Return how often a record has a call."""
    return _CALL.findall(record.read_text()).count(call)
