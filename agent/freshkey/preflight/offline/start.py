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
from freshkey.settings.auth import (
    AppRoleAuth,
    JwtAuth,
    KubernetesAuth,
    LdapAuth,
    TokenAuth,
    UserpassAuth,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshkey.settings.auth import AuthSettings
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
    found = [*_state(settings), *_trust(settings), *_credentials(settings)]
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
    for option, path in _read_at_login(settings.auth):
        try:
            os.close(os.open(path, _LOOK))
        except OSError as error:
            if not _is_passed_later(path):
                user = os.geteuid()
                problem = f"{path}: can't be read by user id {user} ({error.strerror}): correct it"
                yield f"auth.{option}", problem


def _read_at_login(auth: AuthSettings | None) -> Iterator[tuple[str, Path]]:
    """List the files of a login, but for one that a login before may have removed."""
    match auth:
        case AppRoleAuth():
            if auth.role_id_file is not None:
                yield "role_id_file", auth.role_id_file
            if not auth.remove_secret_id_file:
                yield "secret_id_file", auth.secret_id_file
        case JwtAuth(remove_jwt_file=False):
            yield "jwt_file", auth.jwt_file
        case UserpassAuth() | LdapAuth() if not auth.remove_password_file:
            yield "password_file", auth.password_file
        case KubernetesAuth():
            yield "token_file", auth.token_file
        case TokenAuth() if auth.token_file is not None:
            yield "token_file", auth.token_file
        case _:
            pass


def _is_passed_later(path: Path) -> bool:
    return any(map(path.is_relative_to, _PASSED)) and not os.path.lexists(path)
