"""A look at the machine as a user to whom a directory is shut."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_USER: Final = 4_000_001


@contextmanager
def as_other_user(directory: Path) -> Iterator[None]:
    """Keep this process out of a directory within; root, whom no mode stops, is another user."""
    mode = directory.stat().st_mode
    directory.chmod(0)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(_USER)
        yield
    finally:
        os.seteuid(user)
        directory.chmod(mode)
