from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.serve.site import Site

if TYPE_CHECKING:
    from pathlib import Path

    import trio


@pytest.fixture
def site(nursery: trio.Nursery, tmp_path: Path) -> Site:
    """Give a server that is not started yet."""
    return Site(nursery, tmp_path / "freshkey.sock")
