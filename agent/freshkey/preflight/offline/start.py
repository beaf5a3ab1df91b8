"""What a start would meet: `run` looks at it by itself, and a reload has no need to.

A running agent corrects its directory's mode, and waits for the files with its credentials and
identities. What is in them only their reader can judge.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from freshkey.core.model.faults import FaultError
from freshkey.core.model.text import one_line
from freshkey.host.imports import import_slim
from freshkey.preflight.offline.state import state_fault, state_warning
from freshkey.settings import SettingsFault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshkey.settings.model import Settings

# Where systemd passes files to a service while it runs (systemd.exec(5)), and Kubernetes to a pod.
_PASSED: Final = (Path("/run/credentials"), Path("/run/secrets"), Path("/var/run/secrets"))
_STATE: Final = "state.directory"
_LOOK: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe would keep it waiting


def start_faults(settings: Settings) -> tuple[SettingsFault, ...]:
    """Return what ends `run` at once."""
    fault = state_fault(settings.state.directory)
    return () if fault is None else (SettingsFault(_STATE, one_line(fault)),)


def start_warnings(settings: Settings) -> tuple[SettingsFault, ...]:
    """Return what keeps `run` waiting, unless it is mended by then."""
    found = [*_state(settings), *_trust(settings), *_credentials(settings), *_identities(settings)]
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


def _credentials(settings: Settings) -> Iterator[tuple[str, str]]:
    for file in () if settings.auth is None else settings.auth.files:
        if (problem := _misfit(file.path, may_be_gone=file.may_be_gone)) is not None:
            yield f"auth.{file.option}", f"{file.path} {problem}"


def _identities(settings: Settings) -> Iterator[tuple[str, str]]:
    for name, key in settings.keys.items():
        path = None if key.federation is None else key.federation.subject_token_file
        if path is not None and (problem := _misfit(path)) is not None:
            yield f"keys.{name}.federation.subject_token_file", f"{path} {problem}"


def _misfit(path: Path, *, may_be_gone: bool = False) -> str | None:
    """Say why a login or an exchange could not read a file, and what to do."""
    try:
        descriptor = os.open(path, _LOOK)
    except FileNotFoundError:
        is_fine = may_be_gone or _is_passed_later(path)
        return None if is_fine else "does not exist: put the credential there"
    except OSError as error:
        user = os.geteuid()
        return f"can't be read by user {user} ({error.strerror}): correct its owner or mode"
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file: give the file with the credential"
    return None if status.st_size else "is empty: put the credential there"


def _is_passed_later(path: Path) -> bool:
    """Whether a file is missing because nothing has passed its directory yet."""
    return any(map(path.is_relative_to, _PASSED)) and not os.path.lexists(path.parent)
