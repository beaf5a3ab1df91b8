"""What the process asks of the system from the outset; what can't be had is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from freshkey.host.process import allow_descriptors, harden
from freshkey.outputs.swapping import swappable

if TYPE_CHECKING:
    from freshkey.settings.model import Settings

# Open files that are no connections of readers: libraries, Vault, OpenAI, hooks.
_BESIDE: Final = 256

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def secure(*, lock_memory: bool) -> None:
    """Harden this process; nothing here keeps it from running."""
    for warning in harden(lock_memory=lock_memory):
        log.warning("process.not_hardened", message=warning)


def warn_of_swap(settings: Settings) -> None:
    """Warn of every tmpfs with journal or key files that the kernel may write to swap."""
    for mount, message in swappable(settings):
        log.warning("state.swappable", mount=mount, message=message)


def allow_connections(settings: Settings) -> None:
    """Raise the limit of open files for as many connections as are configured, or warn."""
    connections = settings.server.max_connections
    wanted = connections + _BESIDE
    if settings.gateway.is_on:
        wanted += 2 * settings.gateway.max_requests + _BESIDE  # a request has two connections
    allowed = allow_descriptors(wanted)
    if allowed < wanted:
        message = (
            f"server.max_connections = {connections} needs {wanted} open files, and the limit is "
            f"{allowed}: set LimitNOFILE={wanted} for the unit (ulimit -Hn)"
        )
        log.warning("server.too_few_descriptors", message=message)
