"""A directory for the files of targets, until the process ends."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path


@cache
def scratch() -> Path:
    """Make it."""
    made = Path(tempfile.mkdtemp(prefix="freshkey-fuzz-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made
