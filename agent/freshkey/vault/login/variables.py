"""Credentials from environment variables, read at each login."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from freshkey.core.faults import Fault, FaultError, FaultKind
from freshkey.core.secret import Secret
from freshkey.logs.redact import know
from freshkey.vault.login.credentials import read_credential


def variable(name: str) -> str | None:
    """Return what a variable holds, None when it is unset or empty."""
    return os.environ.get(name, "").strip() or None


def secret_variable(name: str) -> Secret | None:
    """Return the secret that a variable holds, None when it is unset or empty."""
    value = variable(name)
    return known(value) if value else None


def both(first: str, second: str) -> tuple[str, str] | None:
    """Return what two variables hold that go together, None when both are unset.

    Raises FaultError when one is missing.
    """
    values = variable(first), variable(second)
    if values == (None, None):
        return None
    if values[0] is None or values[1] is None:
        missing, given = (first, second) if values[0] is None else (second, first)
        raise unusable(f"{missing} is missing beside {given}: set both, or neither")
    return values[0], values[1]


def url_of(name: str, value: str) -> SplitResult:
    """Read the URL that a variable holds; raises FaultError when it is none."""
    try:
        parts = urlsplit(value)
        if parts.scheme in {"http", "https"} and parts.hostname:
            return parts
    except ValueError:
        pass
    raise unusable(f"{name} is no URL of http or https: correct it")


def file_of(name: str, path: str) -> Secret:
    """Return what the file holds that a variable names; raises FaultError."""
    try:
        return read_credential(Path(path), name)
    except FaultError as error:
        message = error.fault.message.removeprefix("auth.")  # it is no option
        raise FaultError(replace(error.fault, message=message)) from None


def known(value: str) -> Secret:
    """Return a credential, which the log masks from now on."""
    secret = Secret(value)
    know(secret)
    return secret


def unusable(message: str) -> FaultError:
    """Return the fault of credentials that a person has to mend."""
    return FaultError(Fault(FaultKind.BAD_REQUEST, message))
