from __future__ import annotations

import os
import resource
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from freshkey.cli import agent_socket, status, waiting, watch

from tests.cli.agent import Agent, Clock
from tests.cli.configurations import BAD, GOOD
from tests.settings.files import secret_id, written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("VAULT_", "FRESHKEY_")):
            monkeypatch.delenv(name)


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    """An agent where the commands look for one."""
    with Agent(tmp_path / "freshkey.sock") as running:
        monkeypatch.setenv("FRESHKEY_SOCKET", str(running.path))
        yield running


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of the commands that wait."""
    moving = Clock()
    for module in (status, waiting, watch):
        monkeypatch.setattr(module, "time", moving)
    return moving


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, tuple[int, int]]]:
    """What was limited: a limit of this process itself would hold for the tests that follow."""
    limited: list[tuple[int, tuple[int, int]]] = []
    stand_in = SimpleNamespace(
        RLIMIT_CORE=resource.RLIMIT_CORE, setrlimit=lambda what, how: limited.append((what, how))
    )
    monkeypatch.setattr(waiting, "resource", stand_in)
    return limited


@pytest.fixture
def default_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default place of the configuration; nothing is there yet."""
    place = tmp_path / "etc" / "config.toml"
    place.parent.mkdir()
    monkeypatch.setattr(agent_socket, "DEFAULT_CONFIG", str(place))
    return place


@pytest.fixture
def good(tmp_path: Path) -> str:
    """The path of a configuration without a fault."""
    secret_id(tmp_path)
    return str(written(tmp_path, GOOD))


@pytest.fixture
def bad(tmp_path: Path) -> str:
    """The path of a configuration with the faults of BAD_LINES."""
    return str(written(tmp_path, BAD))
