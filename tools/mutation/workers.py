"""Runs each job in a process of its own, a few at a time: a mutant may spin, grow, or crash."""

from __future__ import annotations

import gc
import os
import resource
import traceback
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_MEMORY = 2 << 30  # bytes
_FAILED = 3
_GRACE = 20.0  # seconds of processor time more than a job took without a mutant


class Job(NamedTuple):
    """`work` returns what it found, empty for nothing, and may use `seconds` of processor time."""

    name: str
    work: Callable[[], str]
    seconds: float


class Outcome(NamedTuple):
    """What a job found; None if it did not end by itself, as a mutant that spins doesn't."""

    name: str
    found: str | None


def run(jobs: Iterable[Job], processes: int) -> Iterator[Outcome]:
    """Run jobs, and give their outcomes as they come. Raises RuntimeError for one that raises."""
    gc.freeze()  # a child copies no page because of that
    running: dict[int, tuple[str, int]] = {}
    for job in jobs:
        if len(running) == processes:
            yield _wait(running)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            _work(job, writer)
        os.close(writer)
        running[child] = job.name, reader
    while running:
        yield _wait(running)


def _wait(running: dict[int, tuple[str, int]]) -> Outcome:
    child, status = os.wait()
    name, reader = running.pop(child)
    with os.fdopen(reader) as pipe:
        found = pipe.read()
    if os.waitstatus_to_exitcode(status) == _FAILED:
        message = f"{name}: {found}"
        raise RuntimeError(message)
    return Outcome(name, found if os.waitstatus_to_exitcode(status) == 0 else None)


def _work(job: Job, writer: int) -> None:
    """Do the job in this process, which ends with it."""
    status = _FAILED
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        most = int(5 * job.seconds + _GRACE)
        resource.setrlimit(resource.RLIMIT_CPU, (most, most))
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
        os.write(writer, job.work().encode())
        status = 0
    except Exception:  # noqa: BLE001 - the parent raises it
        os.write(writer, traceback.format_exc().encode())
    finally:
        os._exit(status)
