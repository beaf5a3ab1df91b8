"""Mounts for a test, which is skipped where nothing may be mounted."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from testbed.mounting import MountError, mounted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def small_disk(point: Path, size: str) -> Iterator[Path]:
    """Mount a tmpfs of `size`, such as 64k, at a directory: it is soon full."""
    with _mounted(point, "-t", "tmpfs", "-o", f"size={size}", "tmpfs"):
        yield point


@contextmanager
def bound(source: Path, point: Path) -> Iterator[Path]:
    """Show a directory, or a single file, at another place, as containers do with volumes."""
    with _mounted(point, "--bind", str(source)):
        yield point


@contextmanager
def _mounted(point: Path, *what: str) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(mounted(point, *what))
        except MountError as error:
            pytest.skip(str(error))
        yield
