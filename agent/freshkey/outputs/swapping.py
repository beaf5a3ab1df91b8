"""Which directories of keys lie on a tmpfs that the kernel may write to swap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.host.swap import swap_in_reach
from freshkey.outputs.directories import swappable_mounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshkey.settings.model import Settings


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
