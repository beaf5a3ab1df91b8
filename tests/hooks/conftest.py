from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def script(tmpfs_path: Path) -> Callable[[str], Path]:
    """Write a program for the shell that nobody else can change."""

    def write(text: str, name: str = "program") -> Path:
        path = tmpfs_path / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o700)
        return path

    return write
