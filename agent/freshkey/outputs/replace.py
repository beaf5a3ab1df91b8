"""Replaces a file in one step: readers see the old content or the new, and never a part."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING

from freshkey.host.accounts import UNCHANGED, usual_group
from freshkey.outputs.errors import refusal, reported

if TYPE_CHECKING:
    from pathlib import Path

    from freshkey.outputs.access import Access

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def replace(directory: int, path: Path, content: bytes, access: Access) -> None:
    """Put `content` at the name of `path` in the open `directory`.

    Mode and owner are set while the file has a random name that nobody looks for, and before it
    holds anything: rename(2) then shows all of it at once. Whatever fails, the old file stays and
    the new one is removed. Raises FaultError about `path`.
    """
    temporary = _prefix(path.name) + secrets.token_hex(8)
    with reported(path):
        descriptor = os.open(temporary, _NEW, 0o600, dir_fd=directory)
        try:
            try:
                _hand_over(descriptor, path, access)
                _write_all(descriptor, content)
                os.fsync(descriptor)  # free on tmpfs; on disk, no torn file after a power cut
            finally:
                os.close(descriptor)
            os.rename(temporary, path.name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=directory)
            raise
        os.fsync(directory)


def same(directory: int, path: Path, content: bytes, access: Access) -> bool:
    """Whether the file is there already, just as `replace` would make it.

    Raises OSError, and FaultError when something else than a regular file stands at `path`.
    """
    status = regular(directory, path)
    if status is None or status.st_size != len(content):
        return False
    uid = os.geteuid() if access.uid == UNCHANGED else access.uid
    gid = usual_group(directory) if access.gid == UNCHANGED else access.gid
    if (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) != (access.mode, uid, gid):
        return False
    try:
        descriptor = os.open(path.name, _OLD, dir_fd=directory)
    except OSError:  # not ours to read: then it is written anew
        return False
    with os.fdopen(descriptor, "rb") as file:
        return file.read() == content


def regular(directory: int, path: Path) -> os.stat_result | None:
    """The status of the file, None when there is none; FaultError when it is not a regular file."""
    try:
        status = os.stat(path.name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise refusal(path, "is not a regular file: remove it, or choose another path")
    return status


def sweep(directory: int, path: Path) -> None:
    """Remove what an agent that was killed between `open` and `rename` left of this file."""
    prefix = _prefix(path.name)
    for name in os.listdir(directory):
        if name.startswith(prefix):
            with suppress(OSError):  # another user's, in a sticky directory
                os.unlink(name, dir_fd=directory)


def _prefix(name: str) -> str:
    return f".freshkey-{sha256(os.fsencode(name)).hexdigest()[:8]}-"


def _hand_over(descriptor: int, path: Path, access: Access) -> None:
    """Group, mode, user: in this order CAP_CHOWN is enough, and nobody gets in too early.

    What it has already is not set again: in a directory with setgid a file has the right group, and
    a sandbox may allow no fchown(2) at all.
    """
    made = os.fstat(descriptor)
    with reported(path, "its owner and group can't be set: grant CAP_CHOWN, or choose others"):
        if access.gid not in {UNCHANGED, made.st_gid}:
            os.fchown(descriptor, UNCHANGED, access.gid)
        os.fchmod(descriptor, access.mode)
        if access.uid not in {UNCHANGED, made.st_uid}:
            os.fchown(descriptor, access.uid, UNCHANGED)


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:  # a short write is followed by the error that cut it short
        rest = rest[os.write(descriptor, rest) :]
