"""Whether the files that hold the agent's own secrets are for the agent alone."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from freshkey.settings.auth import AppRoleAuth, LdapAuth, TokenAuth, UserpassAuth
from freshkey.settings.faults import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from freshkey.settings.faults import Place
    from freshkey.settings.model import Settings


def credential_warnings(settings: Settings) -> Iterator[Finding]:
    """List the secrets that everybody can read or replace.

    Not the tokens of a platform, such as a pod's, whose modes are the platform's own.
    """
    for place, path in _secrets(settings):
        try:
            mode = path.stat().st_mode
        except OSError:  # not there yet, or not to be seen
            continue
        if (fault := openness(mode)) is not None:
            yield Finding(place, fault)


def openness(mode: int) -> str | None:
    """Say what everybody can do with a file of this mode, and how to end that."""
    ways = {"read": ("r", stat.S_IROTH), "written": ("w", stat.S_IWOTH)}
    found = {way: letter for way, (letter, bit) in ways.items() if mode & bit}
    if not found:
        return None
    return f"can be {' and '.join(found)} by everybody: chmod o-{''.join(found.values())}"


def _secrets(settings: Settings) -> Iterator[tuple[Place, Path]]:
    if settings.vault.client_key_file is not None:
        yield ("vault", "client_key_file"), settings.vault.client_key_file
    match settings.auth:
        case AppRoleAuth(secret_id_file=path):
            yield ("auth", "secret_id_file"), path
        case UserpassAuth(password_file=path) | LdapAuth(password_file=path):
            yield ("auth", "password_file"), path
        case TokenAuth(token_file=path) if path is not None:
            yield ("auth", "token_file"), path
        case _:
            pass
