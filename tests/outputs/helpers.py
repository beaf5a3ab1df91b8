import os
import pwd
import warnings
from collections.abc import Callable
from pathlib import Path


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def in_child(function: Callable[[], object], *, unprivileged: bool = False) -> str:
    """Runs the function in a fork: as nobody, with limits of its own, or to be killed.

    What it returns, as text; for an exception, its text; "" when it was killed. `unprivileged`:
    root becomes nobody first, for whom permissions count.
    """
    read, write = os.pipe()
    with warnings.catch_warnings():
        # Python warns when there are threads; the child calls nothing that needs their locks.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _report(function, write, unprivileged=unprivileged)
    os.close(write)
    with os.fdopen(read) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer


def _report(function: Callable[[], object], write: int, *, unprivileged: bool) -> None:
    try:
        if unprivileged and os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
        answer = str(function())
    except BaseException as error:  # noqa: BLE001 - the parent looks at it
        answer = str(error) or repr(error)
    try:
        os.write(write, answer.encode())
    finally:
        os._exit(0)
