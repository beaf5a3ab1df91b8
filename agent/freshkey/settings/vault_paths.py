"""Paths in Vault, as the configuration names them; see `values`.

Vault takes what can be seen, and spaces. It refuses other characters, and its engines "..".
"""

import re
from typing import Final

from freshkey.settings.values import WrongValueError, quoted, visible

_API: Final = "v1/"
_METHODS: Final = "auth/"
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*/?")


def secret_path(value: object) -> str:
    """Take the path of what is read, without the API's `v1/`, and not percent-encoded."""
    given = visible(value)
    path = _ADDRESS.sub("", given, count=1).strip("/")
    if path.startswith(_API):
        _refuse(given, "must be written without the API's v1/", path.removeprefix(_API))
    return _path(given, "openai/creds/billing")


def mount_path(value: object) -> str:
    """Take the path where a login method is mounted, without `auth/`."""
    given = visible(value)
    path = given.strip("/")
    if path.startswith(_METHODS):
        _refuse(given, f"must be written without {_METHODS}", path.removeprefix(_METHODS))
    return _path(given, "approle")


def _path(given: str, example: str) -> str:
    if _ADDRESS.match(given):
        raise WrongValueError(f'is a URL, and must be a path in Vault alone, such as "{example}"')
    plain = re.sub("/+", "/", given).strip("/")
    if plain != given and plain:
        _refuse(given, "has too many slashes", plain)
    if not plain:
        raise WrongValueError(
            f'is {quoted(given)}, and must be a path in Vault, such as "{example}"'
        )
    if "." in plain.split("/") or ".." in plain:
        raise WrongValueError(
            f"is {quoted(given)}, and Vault takes no dots alone, and no .. at all"
        )
    return given


def _refuse(given: str, why: str, better: str) -> None:
    raise WrongValueError(f"is {quoted(given)}, and {why}: write {quoted(better)}")
