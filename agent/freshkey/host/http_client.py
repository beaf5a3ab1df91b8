"""httpx for services that are sent credentials. It is imported when one is asked: it is slow."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

from freshkey import __version__
from freshkey.host.imports import NoCookies, import_slim, left_out
from freshkey.host.proxies import httpx_proxy

if TYPE_CHECKING:
    import httpx


def make_client(url: str, *, proxied: bool, connecting: float | None = None) -> httpx.AsyncClient:
    """Return a client for a URL; slow, so in a thread. Raises ProxyError.

    It follows no redirect, trusts whom the system trusts, and has no timeout but one of
    `connecting` seconds. Of the environment it takes the proxies, if it is to be `proxied`.
    """
    import_slim("httpcore", "httpx")
    import httpx  # noqa: PLC0415 - 20 ms: keys of the journal are served before

    encrypted = url.startswith("https:")
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusted = ssl.create_default_context() if encrypted else nobody  # the system's trust
    proxy = httpx_proxy(url, os.environ) if proxied else None
    with left_out("certifi"):  # which httpx imports even for a client that trusts others: 4 ms
        return httpx.AsyncClient(
            verify=trusted,
            proxy=proxy,
            trust_env=False,
            cookies=NoCookies(),  # type: ignore[arg-type]  # all that httpx asks of one
            timeout=httpx.Timeout(None, connect=connecting),
            headers={"User-Agent": f"freshkey/{__version__}", "Accept-Encoding": "identity"},
        )
