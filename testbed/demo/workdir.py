"""The demo's fresh directory: on tmpfs, private, and removed at the end, however the demo ends."""

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from freshkey.outputs.directories import is_memory_backed

from testbed.demo.errors import DemoError, Interrupted

MAX_PATH_BYTES = 22
"""Bytes: of the 107 of a socket's path (unix(7)), what those of Vault's plugins leave."""

# Nothing removes a mount point, as a scenario of `make chaos` has; and processes that are still
# ending may write once more.
_CLEANUP_SCRIPT = """read -r _
until
  while read -r _ point _; do
    case "$point" in "$0"/*) umount -l "$point";; esac
  done </proc/self/mounts
  rm -rf "$0"
  sleep 1
  [ ! -e "$0" ]
do :; done
"""


class WorkDirectory:
    """A context manager; `directory` is 0700, and removed at its end unless `keep` is set.

    A failure sets it, too, if there are logs that tell more.
    """

    def __init__(self, candidates: Sequence[Path] | None = None) -> None:
        parent = find_tmpfs(default_candidates() if candidates is None else candidates)
        self.directory = Path(tempfile.mkdtemp(prefix="freshkey-demo-", dir=parent))
        self.logs = self.directory / "logs"
        self.logs.mkdir()
        self.keep = False
        # The temporary files of the servers belong here, too.
        self._tempdir, tempfile.tempdir = tempfile.tempdir, str(self.directory)
        self._cleanup = subprocess.Popen(
            ["sh", "-c", _CLEANUP_SCRIPT, self.directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        tempfile.tempdir = self._tempdir
        self._cleanup.kill()
        self._cleanup.communicate()
        if error is not None and not _was_ended_by_user(error):
            self.keep = any(self.logs.iterdir())
        if not self.keep:
            shutil.rmtree(self.directory)


def _was_ended_by_user(error: BaseException) -> bool:
    """Whether the user has stopped the demo, or closed the pipe or terminal that it prints to."""
    if isinstance(error, OSError):
        return error.errno in {errno.EPIPE, errno.EIO}
    return isinstance(error, Interrupted)


def default_candidates() -> list[Path]:
    """Return where a tmpfs for users usually is, the likeliest first."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return [Path("/dev/shm"), *([Path(runtime)] if runtime else []), Path("/tmp")]  # noqa: S108 - mkdtemp is used in there


def find_tmpfs(candidates: Sequence[Path]) -> Path:
    """Return the first directory that is on tmpfs, writable, and short enough for sockets.

    Raises DemoError when none is.
    """
    for path in candidates:
        usable = path.is_absolute() and len(os.fsencode(path)) <= MAX_PATH_BYTES
        if usable and os.access(path, os.W_OK | os.X_OK) and is_memory_backed(path):
            return path
    tried = ", ".join(map(str, candidates))
    raise DemoError(
        f"no tmpfs to keep keys in: none of {tried} is a writable one with a path of at most "
        f"{MAX_PATH_BYTES} bytes: mount one at /dev/shm, or name one in XDG_RUNTIME_DIR"
    )
