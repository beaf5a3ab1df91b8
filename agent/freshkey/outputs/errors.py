"""The `output` fault: which path, what is wrong with it, and what to do."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ADVICE = {
    errno.EACCES: "let the agent's user search and write its directory",
    errno.EPERM: "another user's file in a sticky directory, or an immutable one: remove it",
    errno.EROFS: "mount it writable (under systemd: RuntimeDirectory= or ReadWritePaths=)",
    errno.ENOSPC: "free space or enlarge the file system",
    errno.EDQUOT: "free space or raise the quota",
    errno.EFBIG: "raise the limit on file sizes (RLIMIT_FSIZE)",
    errno.ENOTDIR: "name a path whose parents are directories",
    errno.EEXIST: "remove what stands where a directory is needed",
    errno.ELOOP: "name a path without symbolic links",
    errno.ENAMETOOLONG: "choose a shorter path",
    errno.ENOENT: "something else removes it while the agent writes: keep its directory in place",
    errno.EBUSY: "it is mounted by itself, and a mount can't be replaced: mount its directory",
}
_OTHERWISE = "see whether its file system is healthy"


def refusal(path: Path, why: str) -> FaultError:
    """Make the fault for a path that the agent will not use; `why` also says what to do."""
    return FaultError(Fault(FaultKind.OUTPUT, f"{one_line(str(path))}: {why}"))


@contextmanager
def reported(path: Path, advice: str | None = None) -> Iterator[None]:
    """Turn an OSError from within into a FaultError about `path`, with advice by its errno."""
    try:
        yield
    except OSError as error:
        what = error.strerror or "unknown error"
        todo = advice or _ADVICE.get(error.errno or 0, _OTHERWISE)
        raise refusal(path, f"{what}: {todo}") from error
