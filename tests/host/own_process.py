"""A script in an interpreter of its own, which has imported nothing yet."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def run(script: str, *options: str, at: Path | None = None) -> str:
    """Return what it prints; CalledProcessError if it fails."""
    done = subprocess.run(
        [sys.executable, *options, "-c", script],
        env={"PATH": os.defpath},
        cwd=at,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.strip()
