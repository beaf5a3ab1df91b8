"""Whether memory of this process, and files that it makes on tmpfs, could be written to swap."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_SWAPS: Final = Path("/proc/swaps")
_OWN_CGROUP: Final = Path("/proc/self/cgroup")
_CGROUPS: Final = Path("/sys/fs/cgroup")
_UNSEEN: Final = ("swap that can't be seen from here",)


def swap_in_reach(
    swaps: Path = _SWAPS, own_cgroup: Path = _OWN_CGROUP, cgroups: Path = _CGROUPS
) -> tuple[str, ...]:
    """Name the swap devices that the kernel may use for this process; none is the good answer.

    Files on tmpfs count as memory of the cgroup that wrote them, so its limit holds for both
    (memory.swap.max in https://docs.kernel.org/admin-guide/cgroup-v2.html).
    """
    try:
        devices = swap_devices(swaps.read_text(errors="replace"))
    except OSError:  # hidden by a sandbox
        devices = _UNSEEN
    if not devices or _forbidden(own_cgroup, cgroups):
        return ()
    return devices


def swap_devices(table: str) -> tuple[str, ...]:
    """Read /proc/swaps: a line of headings, then a line for each device or file (proc(5))."""
    return tuple(line.split()[0] for line in table.splitlines()[1:] if line.strip())


def cgroup_v2(table: str) -> str | None:
    """Read /proc/PID/cgroup: the path in hierarchy 0, which is version 2's (cgroups(7))."""
    for line in table.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            return path
    return None


def _forbidden(own_cgroup: Path, cgroups: Path) -> bool:
    """Whether a limit of nothing is set on the own cgroup, or on an ancestor that can be seen.

    In a container the path may be the host's, of which the mount shows no more than the end: then
    the root of the mount is the container's own.
    """
    try:
        path = cgroup_v2(own_cgroup.read_text(errors="replace"))
    except OSError:
        return False
    if path is None or ".." in path.split("/"):
        return False
    own = cgroups / path.lstrip("/")
    places = (place for place in (own, *own.parents) if place.is_relative_to(cgroups))
    return any(_is_zero_limit(place) for place in places)


def _is_zero_limit(cgroup: Path) -> bool:
    try:
        return (cgroup / "memory.swap.max").read_text().strip() == "0"
    except OSError:
        return False
