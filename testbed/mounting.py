"""Mounts for as long as a block lasts."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class MountError(Exception):
    """Nothing may be mounted here: that needs root."""


@contextmanager
def mounted(point: Path, *what: str) -> Iterator[None]:
    """Mount, by the options of mount(8), at a directory or file. Raises MountError."""
    done = subprocess.run(["mount", *what, str(point)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise MountError(f"mount {point}: {done.stderr.strip() or 'mounting needs root'}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(point)], check=True)


def remount(point: Path, options: str) -> None:
    """Change the options of a mount, such as ro."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(point)], check=True)


@contextmanager
def small_disk(point: Path, size: str) -> Iterator[None]:
    """Mount a tmpfs of `size`, such as 64k, at a directory: it is soon full. Raises MountError."""
    with mounted(point, "-t", "tmpfs", "-o", f"size={size}", "tmpfs"):
        yield
