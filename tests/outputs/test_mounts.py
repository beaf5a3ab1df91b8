import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from freshkey.outputs import directories
from freshkey.outputs.directories import (
    file_system,
    is_mounted_alone,
    mounted_alone_at,
    swappable_mounts,
)
from freshkey.outputs.mounts import Mount, mounts

TABLE = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,discard
24 22 0:6 / /dev rw,nosuid - devtmpfs devtmpfs rw,size=4k,mode=755
25 24 0:23 / /run rw,nosuid shared:5 master:1 - tmpfs tmpfs rw,mode=755,inode64
26 24 0:27 / /mnt/a\040\134\040b rw - tmpfs none rw,noswap,size=4k
27 24 0:28 /sub /mnt/a\040-\040b rw,noswap - tmpfs tm\040pfs rw
28 24 0:29 / /mnt/ram rw - ramfs ramfs rw
29 24 0:30 / /mnt/bad rw
"""


def test_what_is_mounted() -> None:
    assert list(mounts(TABLE)) == [
        Mount(os.makedev(8, 1), "/", "/", "ext4", ("rw", "discard")),
        Mount(os.makedev(0, 6), "/", "/dev", "devtmpfs", ("rw", "size=4k", "mode=755")),
        Mount(os.makedev(0, 23), "/", "/run", "tmpfs", ("rw", "mode=755", "inode64")),
        Mount(os.makedev(0, 27), "/", r"/mnt/a \ b", "tmpfs", ("rw", "noswap", "size=4k")),
        Mount(os.makedev(0, 28), "/sub", "/mnt/a - b", "tmpfs", ("rw",)),
        Mount(os.makedev(0, 29), "/", "/mnt/ram", "ramfs", ("rw",)),
    ]


def test_file_systems_in_memory() -> None:
    in_memory = [(mount.point, mount.can_swap) for mount in mounts(TABLE) if mount.in_memory]
    assert in_memory == [
        ("/run", True),
        (r"/mnt/a \ b", False),
        ("/mnt/a - b", True),
        ("/mnt/ram", False),
    ]


class Mounts:
    """A made-up table in which the device of `tmpfs_path` has the mounts that are added."""

    def __init__(self, tmpfs_path: Path, file: Path) -> None:
        device = tmpfs_path.stat().st_dev
        self._device = f"{os.major(device)}:{os.minor(device)}"
        self._file = file
        file.touch()

    def add(self, point: Path, options: str = "rw", kind: str = "tmpfs", root: str = "/") -> None:
        with self._file.open("a") as file:
            file.write(f"9 1 {self._device} {root} {point} rw - {kind} {kind} {options}\n")


@pytest.fixture
def mounted(tmpfs_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mounts:
    monkeypatch.setattr(directories, "_MOUNTS", tmp_path / "mountinfo")
    return Mounts(tmpfs_path, tmp_path / "mountinfo")


def test_the_type_of_a_file_system(tmpfs_path: Path, mounted: Mounts) -> None:
    assert file_system(tmpfs_path) is None
    mounted.add(tmpfs_path, kind="fuse.sshfs")
    assert file_system(tmpfs_path / "not" / "yet") == "fuse.sshfs"


def test_a_file_that_is_mounted_by_itself(tmpfs_path: Path, mounted: Mounts) -> None:
    file, link = tmpfs_path / "key", tmpfs_path / "link"
    file.touch()
    link.symlink_to(file)
    mounted.add(tmpfs_path)
    assert not is_mounted_alone(file)
    mounted.add(file)
    assert is_mounted_alone(file)
    assert is_mounted_alone(link)
    assert not is_mounted_alone(tmpfs_path / "other")


def test_the_other_places_of_a_file(tmpfs_path: Path, mounted: Mounts) -> None:
    file = tmpfs_path / "keys" / "a"
    mounted.add(tmpfs_path, root="/sub")
    mounted.add(Path("/elsewhere"), root="/sub/keys")
    mounted.add(Path("/other"), root="/sub/keys/b")
    assert mounted_alone_at(file) == ()
    mounted.add(Path("/now"), root="/sub/keys/a")
    mounted.add(Path("/before"), root="/sub/keys/a//deleted")
    mounted.add(file, root="/sub/keys/a")
    assert mounted_alone_at(file) == ("/now", "/before")
    assert mounted_alone_at(Path("/proc/version")) == ()


def test_each_mount_is_named_once(tmpfs_path: Path, mounted: Mounts) -> None:
    mounted.add(tmpfs_path)
    paths = [tmpfs_path / "state", tmpfs_path / "keys" / "not" / "yet", Path("/proc")]
    assert swappable_mounts(paths) == (str(tmpfs_path),)


def test_the_mount_that_holds_the_path_is_named(tmpfs_path: Path, mounted: Mounts) -> None:
    for point in (Path("/another/place"), tmpfs_path, tmpfs_path.parent):
        mounted.add(point)
    assert swappable_mounts([tmpfs_path]) == (str(tmpfs_path),)


def test_a_mount_that_does_not_swap(tmpfs_path: Path, mounted: Mounts) -> None:
    mounted.add(tmpfs_path, "rw,size=4k,noswap")
    mounted.add(tmpfs_path, kind="ramfs")
    assert swappable_mounts([tmpfs_path]) == ()


def test_what_is_not_in_memory(tmpfs_path: Path, mounted: Mounts) -> None:
    mounted.add(tmpfs_path, kind="ext4")
    assert swappable_mounts([tmpfs_path]) == ()


# In a mount namespace of its own: the kernel's own words for the option.
REAL = """
import ctypes, subprocess, sys
from pathlib import Path
if ctypes.CDLL(None).unshare(0x00020000):  # CLONE_NEWNS
    sys.exit(3)
subprocess.run(["mount", "--make-rprivate", "/"], check=True)
subprocess.run(["mount", "-t", "tmpfs", "-o", sys.argv[2], "x", sys.argv[1]], check=True)
from freshkey.outputs.directories import swappable_mounts
print(swappable_mounts([Path(sys.argv[1]) / "state"]))
"""


def test_a_real_tmpfs(tmp_path: Path) -> None:
    def shown(options: str) -> str:
        program = [sys.executable, "-c", REAL, str(tmp_path), options]
        done = subprocess.run(program, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode == 3:
            pytest.skip("mounting needs CAP_SYS_ADMIN")
        return done.stdout.strip()

    assert shown("size=4k") == str((str(tmp_path),))
    major, minor = map(int, re.findall(r"[0-9]+", os.uname().release)[:2])
    if (major, minor) >= (6, 4):
        assert shown("size=4k,noswap") == "()"
