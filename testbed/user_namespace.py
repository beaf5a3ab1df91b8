"""Run a command in a new user namespace, which has all its capabilities: `FIRST COUNT COMMAND …`.

Its ids from 0 on are those of this computer from FIRST on. A program, because all of its process
moves: it needs the standard library only, and no other module of the testbed. See
user_namespaces(7).
"""

import ctypes
import os
import sys
from pathlib import Path

_CLONE_NEWUSER = 0x10000000


def enter(first: str, count: str) -> None:
    """Move this process, which has one thread; OSError when the kernel refuses.

    Who is in a namespace may map no id but its own, and newuidmap asks /etc/subuid even for root.
    So a child that stays outside writes the maps.
    """
    moved, told = os.pipe()
    entered = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(told)
        _write_maps_once(moved, Path(f"/proc/{entered}"), f"0 {first} {count}")
    os.close(moved)
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER):
        number = ctypes.get_errno()
        raise OSError(number, f"unshare: {os.strerror(number)}")
    os.write(told, b"1")
    os.close(told)
    if os.waitpid(child, 0)[1]:
        sys.exit("the maps were not written")
    # One call each, or the kernel's ids stay those from before, which a map need not have.
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def _write_maps_once(moved: int, process: Path, line: str) -> None:
    status = 1
    try:
        if os.read(moved, 1):
            (process / "uid_map").write_text(line)
            (process / "gid_map").write_text(line)
            status = 0
    finally:
        os._exit(status)  # neither our caller's cleanup nor its command is the child's


if __name__ == "__main__":
    enter(*sys.argv[1:3])
    os.execvp(sys.argv[3], sys.argv[3:])  # noqa: S606 - the command is our caller's
