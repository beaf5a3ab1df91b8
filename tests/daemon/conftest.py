from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.outputs.state_dir import StateDirectory
from structlog.testing import capture_logs

from tests.daemon.on_disk import OnDisk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def on_disk(tmpfs_path: Path) -> Iterator[OnDisk]:
    """An agent with real files that has not started."""
    with (
        capture_logs() as told,
        StateDirectory.open(tmpfs_path / "state", allow_disk=True) as directory,
    ):
        yield OnDisk(tmpfs_path, directory, told)
