import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the one tmpfs that every Linux has


@pytest.fixture
def tmpfs_path() -> Iterator[Path]:
    """An empty directory on tmpfs, 0755."""
    if not os.access(SHARED_MEMORY, os.W_OK):
        pytest.skip(f"{SHARED_MEMORY} is not writable: there is no tmpfs to test on")
    with TemporaryDirectory(dir=SHARED_MEMORY, prefix="freshkey-test-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


@pytest.fixture
def small_mount(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 64 KiB whose root anybody can write, as a Kubernetes emptyDir."""
    place = tmp_path / "mount"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=64k,mode=0777", "tmpfs"]
    done = subprocess.run(
        ["mount", *options, str(place)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
