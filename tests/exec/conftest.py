from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.exec.agent import EventsAgent
from tests.support.sessions import sessions

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
    with sessions() as running:

        def start(
            *arguments: str, before: tuple[str, ...] = (), **more: str
        ) -> subprocess.Popen[str]:
            return running.start(
                *(*before, sys.executable, "-m", "freshkey", "exec", *arguments),
                stderr=subprocess.PIPE,
                text=True,
                **{"FRESHKEY_SOCKET": str(agent.path), **more},
            )

        yield start
