"""Notices a token file with another token: an operator put it there, or a sink of Vault Agent.

By looking: three calls to the kernel every five seconds cost less than what would tell of changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
import trio

from freshkey.core.model.events import CredentialChanged
from freshkey.core.model.faults import FaultError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from freshkey.core.model.secret import Secret

LOOK_EVERY: Final = 5.0  # seconds

log = structlog.get_logger()


async def watch_token(
    path: Path, in_use: Callable[[], Secret | None], send: Callable[[CredentialChanged], None]
) -> None:
    """Send an event when the file has changed and holds another token than the one in use.

    A file that is missing says nothing, one that holds no token is told of: the token in use is
    good until it ends.
    """
    seen: tuple[int, ...] | None = None
    while True:
        await trio.sleep(LOOK_EVERY)
        state = _state(path)  # before it is read: a later change is another state
        if state is not None and state != seen and _read(path) not in {None, in_use()}:
            send(CredentialChanged())
        seen = state


def _state(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    # Its owner and mode count too, which the last of these tells of.
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size, status.st_ctime_ns


def _read(path: Path) -> Secret | None:
    from freshkey.vault.login.credentials import read_credential  # noqa: PLC0415 - 2 ms that the start does without; by now it is in

    try:
        return read_credential(path, "token_file")
    except FaultError as error:
        log.warning("credential.unusable", message=error.fault.message)
        return None
