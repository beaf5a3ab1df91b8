"""A file system of its own that is soon full."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def mounted(point: Path, size: str) -> Iterator[Path]:
    """Mount a tmpfs of `size`, such as 64k, at a directory; skip the test where that may not be."""
    options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(point)]
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs needs root")
    try:
        yield point
    finally:
        subprocess.run(["umount", "--lazy", str(point)], check=True)
