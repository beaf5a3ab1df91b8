"""Credentials from environment variables, read at each login."""

from __future__ import annotations

import os
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.secret import Secret
from freshkey.core.model.text import cleaned
from freshkey.logs.redact import add_temporary
from freshkey.vault.login.credentials import read_credential

# Loopback, link-local (RFC 3927, RFC 4291), and private (RFC 1918, RFC 4193).
_LOCAL: Final = (
    *("127.0.0.0/8", "169.254.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    *("::1/128", "fe80::/10", "fc00::/7"),
)


def variable(name: str) -> str | None:
    """Return what a variable holds, None when it is unset or empty.

    White space around it is taken off. Raises FaultError for what no header, URL, or signature
    takes.
    """
    value = cleaned(os.environ.get(name, "")).value
    if not value.isascii() or not value.isprintable():
        raise unusable(f"{name} holds more than one line of ASCII: correct it")
    return value or None


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
    """Read the URL that a variable holds; raises FaultError when it is none, or holds a login."""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable, parts = False, urlsplit("")
    if not usable:
        raise unusable(f"{name} is not a URL of http or https: correct it")
    if "@" in parts.netloc:  # lines about the service name the URL
        raise unusable(f"{name} holds a user or password: take it out of the URL")
    return parts


def local_url_of(name: str, value: str) -> SplitResult:
    """Read the URL of what belongs to this machine: plain http does not leave its network.

    Apps on Azure are given their endpoint at a private address. Raises FaultError.
    """
    parts = url_of(name, value)
    if parts.scheme == "http" and not _is_local(parts.hostname or ""):
        raise unusable(
            f"{name} would send a credential in the clear: it has to be https, or http to an "
            "address of this machine or its own network"
        )
    return parts


def _is_local(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    return any(address in ip_network(network) for network in _LOCAL)


def file_of(name: str, path: str) -> Secret:
    """Return what the file holds that a variable names; raises FaultError."""
    return read_credential(Path(path), name)


def known(value: str) -> Secret:
    """Return a credential, which the log masks until a login is over."""
    secret = Secret(value)
    add_temporary(secret)
    return secret


def unusable(message: str) -> FaultError:
    """Return the fault of credentials that a person has to mend."""
    return FaultError(Fault(FaultKind.BAD_REQUEST, message))
