"""What a start would meet: `run` looks at it by itself, and a reload has no need to.

A running agent corrects its directory's mode, and waits for files that it logs in with.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from freshkey.core.model.faults import FaultError
from freshkey.core.model.text import one_line
from freshkey.host.imports import import_slim
from freshkey.preflight.offline.state import state_fault, state_warning
from freshkey.settings import SettingsFault
from freshkey.settings.auth import AppRoleAuth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshkey.settings.model import Settings

_PASSED: Final = Path("/run/credentials")  # by systemd, while the service runs (systemd.exec(5))
_STATE: Final = "state.directory"
_LOOK: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe would keep it waiting


def start_faults(settings: Settings) -> tuple[SettingsFault, ...]:
    """Return what ends `run` at once."""
    fault = state_fault(settings.state.directory)
    return () if fault is None else (SettingsFault(_STATE, one_line(fault)),)


def start_warnings(settings: Settings) -> tuple[SettingsFault, ...]:
    """Return what keeps `run` waiting, unless it is mended by then."""
    found = [*_state(settings), *_trust(settings), *_role_id(settings)]
    return tuple(SettingsFault(place, one_line(message)) for place, message in found)


def _state(settings: Settings) -> Iterator[tuple[str, str]]:
    if (warning := state_warning(settings.state.directory)) is not None:
        yield _STATE, warning


def _trust(settings: Settings) -> Iterator[tuple[str, str]]:
    vault = settings.vault
    named = (vault.ca_file, vault.ca_dir, vault.client_cert_file, vault.client_key_file)
    files = [file for file in named if file is not None]
    https = any(address.startswith("https:") for address in (vault.address, *vault.addresses))
    if not files or not https or any(map(_is_passed_later, files)):
        return
    import_slim("structlog")
    from freshkey.vault.transport.tls import Trust  # noqa: PLC0415 - 40 ms, for these files alone

    try:
        _ = Trust(vault).context
    except FaultError as error:
        option, _, problem = error.fault.message.partition(" ")
        yield option, problem


def _role_id(settings: Settings) -> Iterator[tuple[str, str]]:
    if not isinstance(settings.auth, AppRoleAuth) or settings.auth.role_id_file is None:
        return
    path = settings.auth.role_id_file
    try:
        os.close(os.open(path, _LOOK))
    except OSError as error:
        if not _is_passed_later(path):
            message = f"can't be read by user id {os.geteuid()} ({error.strerror}): correct it"
            yield "auth.role_id_file", message


def _is_passed_later(path: Path) -> bool:
    return path.is_relative_to(_PASSED) and not os.path.lexists(path)
