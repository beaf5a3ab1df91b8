"""What somebody else does to the state directory of an agent that runs."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from freshkey.core.model.faults import FaultError
from freshkey.outputs.state_dir import StateDirectory

from tests.outputs.helpers import in_child

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def is_locked(state: Path) -> bool:
    """Whether another agent would be refused."""

    def take() -> str:
        try:
            StateDirectory.open(state, allow_disk=True).close()
        except FaultError as error:
            return error.fault.message
        return "free"

    return f"is in use by process {os.getpid()} " in in_child(take)


@contextmanager
def another_agent(state: Path) -> Iterator[None]:
    """Hold the lock as another process would: by an open file of its own."""
    with (state / "lock").open("w") as lock:
        lock.write("process 1 (other)\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def remove(state: Path) -> None:
    shutil.rmtree(state)


def move(state: Path) -> None:
    state.rename(state.with_name("moved"))


def replace_by_an_empty_one(state: Path) -> None:
    move(state)
    state.mkdir(0o700)


def replace_by_a_link(state: Path) -> None:
    move(state)
    state.with_name("elsewhere").mkdir(0o700)
    state.symlink_to("elsewhere")
