"""What guards the agent's memory and files from the outset; what can't be had is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from freshkey.host.process import harden
from freshkey.outputs.swapping import swappable

if TYPE_CHECKING:
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
