from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.agent import Agent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    """A scripted agent where a SocketKey looks for one."""
    with Agent(tmp_path / "freshkey.sock") as running:
        monkeypatch.setenv("FRESHKEY_SOCKET", str(running.path))
        yield running
