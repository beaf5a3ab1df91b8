"""Where is kept what takes long to make, for all clones: $XDG_CACHE_HOME/freshkey-testbed."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.compiling import print_progress


def cache() -> Path:
    """Return our cache. https://specifications.freedesktop.org/basedir-spec: absolute or unset."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "freshkey-testbed"


@contextmanager
def locked(directory: Path) -> Iterator[int]:
    """Hold the lock of all builds in this cache; yield its descriptor."""
    directory.mkdir(parents=True, exist_ok=True)
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print_progress("another build is under way; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)
