"""What guards the agent's memory and files from the outset; what can't be had is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from freshkey.host.process import harden
from freshkey.host.swap import swap_in_reach
from freshkey.outputs.directories import swappable_mounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshkey.settings.model import Settings

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def secure(*, lock_memory: bool) -> None:
    """Harden this process; nothing here keeps it from running."""
    for warning in harden(lock_memory=lock_memory):
        log.warning("process.not_hardened", message=warning)


def warn_of_swap(settings: Settings) -> None:
    """Warn of every tmpfs with journal or key files that the kernel may write to swap."""
    for mount, message in swappable(settings):
        log.warning("state.swappable", mount=mount, message=message)


def swappable(settings: Settings) -> Iterator[tuple[str, str]]:
    """List the mounts of journal and key files that may be written to swap, with what to do."""
    if not (devices := swap_in_reach()):
        return
    files = (file.path.parent for key in settings.keys.values() for file in key.files)
    message = (
        f"keys on this tmpfs can be written to swap ({', '.join(devices)}): unless that is "
        "encrypted, mount with noswap (Linux 6.4), set MemorySwapMax=0, or swapoff -a"
    )
    for mount in swappable_mounts((settings.state.directory, *files)):
        yield mount, message
