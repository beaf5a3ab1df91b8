"""The audit file: whole lines at the end of a regular file that others may move away."""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

# A named pipe that got the name between two system calls must not hold up the agent.
_APPEND: Final = (
    os.O_WRONLY
    | os.O_APPEND
    | os.O_CREAT
    | os.O_NOFOLLOW
    | os.O_CLOEXEC
    | os.O_NONBLOCK
    | os.O_NOCTTY
)
_LOOK_EVERY: Final = 0.25  # seconds; to look at each write would cost as much as the write
# A full disk still takes what is short: without a pause it would work and fail by turns.
_RETRY_AFTER: Final = 1.0  # seconds


class NotTakenError(Exception):
    """Some lines are not in the file: `why`, in the system's words, and how many of them."""

    def __init__(self, why: str, rest: int) -> None:
        super().__init__(why)
        self.why = why
        self.rest = rest


@final
class AuditFile:
    """Appends lines to a file, 0600, that may be moved away or emptied while it is in use.

    Both are what logrotate(8) does: rename, and `copytruncate`. `now` tells seconds on a clock
    that never goes back.
    """

    def __init__(self, path: Path, now: Callable[[], float] | None = None) -> None:
        self._path = path
        self._now = now or time.monotonic
        self._descriptor = -1
        self._inode = (-1, -1)
        self._looked_at = -inf
        self._torn = False  # the file ends within a line
        self._failed: tuple[str, float] | None = None  # why, and until when it is left alone

    def append(self, lines: Sequence[bytes]) -> None:
        """Write lines, each with its newline, together, and wait for that.

        Raises NotTakenError when the file takes none of them or only the first ones, and for a
        second after that; no part of a line is left behind.
        """
        if self._failed and self._now() < self._failed[1]:
            raise NotTakenError(self._failed[0], len(lines))
        self._failed = None
        data = b"".join(lines)
        done = 0
        try:
            self._follow()
            if self._torn:
                os.write(self._descriptor, b"\n")
                self._torn = False
            while done < len(data):
                done += os.write(self._descriptor, data[done:] if done else data)
        except OSError as error:
            whole = [end for end in accumulate(map(len, lines)) if end <= done]
            self._take_back(done - (whole[-1] if whole else 0))
            why = error.strerror or str(error)
            self._failed = why, self._now() + _RETRY_AFTER
            raise NotTakenError(why, len(lines) - len(whole)) from None

    def _take_back(self, torn: int) -> None:
        """Remove the part of a line that was written last."""
        if not torn:
            return
        self._torn = True
        with suppress(OSError):
            end = os.lseek(self._descriptor, 0, os.SEEK_CUR)  # where the last write(2) ended
            if os.fstat(self._descriptor).st_size == end:
                os.ftruncate(self._descriptor, end - torn)
                self._torn = False

    def _follow(self) -> None:
        """Open the file that has the name now; raises OSError when it is no regular one."""
        now = self._now()
        recent = now - self._looked_at < _LOOK_EVERY
        # What is removed takes lines, and nobody will read them: that is looked at each time.
        if self._descriptor >= 0 and recent and os.fstat(self._descriptor).st_nlink:
            return
        self._looked_at = now
        try:
            found = self._path.lstat()
        except FileNotFoundError:
            pass
        else:
            if self._descriptor >= 0 and (found.st_dev, found.st_ino) == self._inode:
                return
            self._refuse_others(found)
        self.close()
        descriptor = os.open(self._path, _APPEND, 0o600)
        opened = os.fstat(descriptor)
        self._descriptor = descriptor
        self._inode = opened.st_dev, opened.st_ino
        self._refuse_others(opened)
        self._torn = opened.st_size > 0 and not _ends_whole(descriptor)

    def _refuse_others(self, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            self.close()
            raise OSError(None, "it is not a regular file: name another path, or remove it")

    def close(self) -> None:
        """Close it; the next `append` opens it again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _ends_whole(descriptor: int) -> bool:
    """Whether a file that is not empty ends with a newline; a process may have died in a line."""
    try:
        # Not by its path, where something else may stand by now, such as a pipe.
        with open(f"/proc/self/fd/{descriptor}", "rb") as file:  # noqa: PTH123 - no path of ours
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
    except OSError:  # it may be added to and not be read
        return True
