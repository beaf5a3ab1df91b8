from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.serve.credential.site import Site, a_site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import trio
    from trio.testing import MockClock


@pytest.fixture
async def site(nursery: trio.Nursery, tmp_path: Path, mock_clock: MockClock) -> AsyncIterator[Site]:
    """Give a credential socket that runs."""
    with a_site(nursery, tmp_path / "credential", []) as site:
        await site.start()
        yield site
