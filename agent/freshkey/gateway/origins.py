"""Keeps web pages out: a browser on this machine may reach the gateway over TCP.

A page can send requests to an address of loopback, and with a name of its own for that address
(DNS rebinding) also read the answers. Its requests name that host, or where they come from:
https://www.rfc-editor.org/rfc/rfc9110#name-host-and-authority and
https://fetch.spec.whatwg.org/#origin-header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from freshkey.gateway.refusals import RefusedError, wrong_host
from freshkey.http1.headers import values
from freshkey.settings.urls import is_loopback

if TYPE_CHECKING:
    from freshkey.http1.headers import Headers

_SAME: Final = frozenset({b"same-origin", b"none"})


def check_origin(headers: Headers, *, over_tcp: bool) -> None:
    """Refuse what a page of another host sends; raises RefusedError (403)."""
    if over_tcp and any(not _is_here(b"//" + host) for host in values(headers, b"host")):
        raise RefusedError(wrong_host("name localhost, or an address of it, in the base URL"))
    if any(site.strip() not in _SAME for site in values(headers, b"sec-fetch-site")):
        raise RefusedError(wrong_host("the gateway is not for web pages"))
    if any(not _is_here(origin) for origin in values(headers, b"origin")):
        raise RefusedError(wrong_host("the gateway is not for web pages of other hosts"))


def _is_here(url: bytes) -> bool:
    try:
        return is_loopback(urlsplit(url.decode("latin-1")).hostname or "")
    except ValueError:  # no address of IPv6, though it has brackets
        return False
