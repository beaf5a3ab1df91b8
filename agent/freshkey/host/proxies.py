"""Proxies on the way to Vault, OpenAI, and the clouds, from the environment, as Go reads it.

Source: https://pkg.go.dev/golang.org/x/net/http/httpproxy
"""

from __future__ import annotations

import re
from base64 import b64encode
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, unquote, urlsplit

from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import Struct
from freshkey.http1.answers import BadAnswerError
from freshkey.http1.requests import request_head
from freshkey.http1.tunnels import read_status
from freshkey.logs.redact import add_secret

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Mapping

    import httpx

PORTS: Final = {"http": 80, "https": 443}

_LOOPBACK: Final = ("127.0.0.0/8", "::1")
_WITH_PORT: Final = r"(\[[^]]*\]|[^:]+):([0-9]{1,5})"


class ProxyError(Exception):
    """No way through a proxy; the text says why, and holds no password."""


class Proxy(Struct, frozen=True):
    """An HTTP proxy; `variable` is where it comes from."""

    host: str
    port: int
    variable: str
    login: Secret | None = None  # USER:PASSWORD

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """What a request to the proxy has to carry."""
        if self.login is None:
            return {}
        encoded = b64encode(self.login.reveal().encode()).decode()
        return {"Proxy-Authorization": f"Basic {encoded}"}

    def open_tunnel(self, sock: socket.socket, host: str, port: int) -> None:
        """Have the proxy connect `sock` with a host, within its timeout.

        Raises ProxyError and OSError.

        Source: https://www.rfc-editor.org/rfc/rfc9110#name-connect
        """
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        sock.sendall(request_head("CONNECT", place, {"Host": place, **self.headers}))
        try:
            status = read_status(sock)
        except BadAnswerError:
            raise ProxyError("it does not answer as a proxy does") from None
        self.refuse(status)
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise ProxyError(f"it answers {status} to CONNECT")

    def refuse(self, status: int) -> None:
        """Raise ProxyError if the proxy itself answers that it wants a login."""
        if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            wrong = "takes another user and password" if self.login else "wants a user and password"
            raise ProxyError(f"it {wrong}: put them into {self.variable}, http://USER:PASSWORD@…")


def proxy_for(
    address: str, environ: Mapping[str, str], for_all: Iterable[str] = ()
) -> Proxy | None:
    """Return the proxy to ask for an address, None to go there directly; raises ProxyError.

    The variables `for_all` come first, and hold for every address.
    """
    for variable in for_all:
        if environ.get(variable):
            return _parsed(variable, environ[variable])
    parts = urlsplit(address)
    variable = f"{parts.scheme.upper()}_PROXY"
    if not environ.get(variable):
        variable = variable.lower()
    if not environ.get(variable) or _is_direct(parts, environ):
        return None
    return _parsed(variable, environ[variable])


def httpx_proxy(address: str, environ: Mapping[str, str]) -> httpx.Proxy | None:
    """Return the proxy to ask for an address, as httpx takes it; raises ProxyError.

    What httpx itself reads from the environment it refuses with the password in its words, and it
    has no networks and no IPv6 in NO_PROXY.
    """
    import httpx  # noqa: PLC0415 - slow to import, and not needed for Vault

    if (proxy := proxy_for(address, environ)) is None:
        return None
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    try:
        return httpx.Proxy(f"http://{host}:{proxy.port}", headers=proxy.headers)
    except (ValueError, httpx.InvalidURL):
        raise _unusable(proxy.variable) from None


def _unusable(variable: str) -> ProxyError:
    return ProxyError(
        f'{variable} has to be the URL of an HTTP proxy, such as "http://proxy.example:3128"'
    )


def _parsed(variable: str, value: str) -> Proxy:
    if not value.isascii() or not value.isprintable() or " " in value:
        raise _unusable(variable)
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        port = parts.port or PORTS["http"]
    except ValueError:
        raise _unusable(variable) from None
    # An unescaped sign of the password ends the host early, and what is left of it is no host.
    if (
        parts.scheme != "http"
        or not parts.hostname
        or "@" in parts.path + parts.query + parts.fragment
    ):
        raise _unusable(variable)
    if parts.username is None:
        return Proxy(parts.hostname, port, variable)
    password = unquote(parts.password or "")
    if password:
        add_secret(Secret(password))
    return Proxy(parts.hostname, port, variable, Secret(f"{unquote(parts.username)}:{password}"))


def _is_direct(parts: SplitResult, environ: Mapping[str, str]) -> bool:
    """Whether a host is this one, or stands in NO_PROXY."""
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    if host == "localhost" or any(_names(rule, host, port) for rule in _LOOPBACK):
        return True
    listed = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    rules = (rule.strip() for rule in listed.lower().split(","))
    return any(rule == "*" or _names(rule, host, port) for rule in rules if rule)


def _names(rule: str, host: str, port: int) -> bool:
    """Whether a rule (an address, a network, a domain, .a-part-of-it; :PORT) is about a host."""
    with_port = re.fullmatch(_WITH_PORT, rule)
    name, only = with_port.groups() if with_port else (rule, "")
    if only and int(only) != port:
        return False
    name = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    try:
        return ip_address(host) in ip_network(name, strict=False)
    except ValueError:  # one of them is a name
        name = name.removeprefix("*")
    if name.startswith("."):
        return host.endswith(name)
    return host == name or host.endswith(f".{name}")
