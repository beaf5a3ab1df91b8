from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.agent.conftest import engine  # noqa: F401 - a fixture
from tests.agent.harness import Agent, Engine
from tests.docs.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def site(engine: Engine, tmpfs_path: Path, tmp_path: Path) -> Iterator[Site]:  # noqa: F811 - the fixture
    """What README.md configures, not started yet."""
    made = Site(engine, Agent(tmpfs_path), tmp_path)
    yield made
    made.agent.close()
