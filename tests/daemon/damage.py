"""What somebody else may do to a key file, or to its directory."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def remove(path: Path) -> None:
    path.unlink()


def write_to(path: Path) -> None:
    path.write_text("sk-other")


def flip_a_bit_and_set_the_time_back(path: Path) -> None:
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=times)


def truncate(path: Path) -> None:
    os.truncate(path, 0)


def replace(path: Path) -> None:
    path.with_name("other").write_text(path.read_text() + "x")
    path.with_name("other").rename(path)


def open_to_all(path: Path) -> None:
    path.chmod(0o444)


def give_away(path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root may give a file away")
    os.chown(path, 12345, 54321)


def remove_its_directory(path: Path) -> None:
    shutil.rmtree(path.parent)


def move_its_directory(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))


def replace_its_directory_by_a_link(path: Path) -> None:
    move_its_directory(path)
    path.parent.with_name("elsewhere").mkdir(0o755)
    path.parent.symlink_to("elsewhere")


DAMAGE = [
    remove,
    write_to,
    flip_a_bit_and_set_the_time_back,
    truncate,
    replace,
    open_to_all,
    give_away,
    remove_its_directory,
    move_its_directory,
    replace_its_directory_by_a_link,
]
