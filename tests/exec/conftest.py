from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.exec.agent import EventsAgent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[EventsAgent]:
    with EventsAgent(tmp_path / "freshkey.sock") as running:
        yield running


@pytest.fixture
def execute(agent: EventsAgent) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `freshkey exec` with these arguments, after the command `before`."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, before: tuple[str, ...] = (), **more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*before, sys.executable, "-m", "freshkey", "exec", *arguments],
            env={"PATH": os.defpath, "FRESHKEY_SOCKET": str(agent.path), **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with the command, which holds the pipes
        process.communicate()
