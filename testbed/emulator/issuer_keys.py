"""The public keys of an issuer, found by discovery.

Source: https://openid.net/specs/openid-connect-discovery-1_0.html
"""

import json
import ssl
import urllib.request
from collections.abc import Mapping
from typing import Any

import anyio

TIMEOUT = 5
"""Seconds."""

WELL_KNOWN = "/.well-known/openid-configuration"


class NoKeysError(Exception):
    """The issuer's keys can't be had; the text is one line."""


async def issuer_keys(
    issuer: str, verification: Mapping[str, Any], ca_file: str | None
) -> list[dict[str, Any]]:
    """Return the keys that were uploaded, or those that the issuer serves now.

    `ca_file` is whom to trust for the certificate of an issuer without a public one. Raises
    NoKeysError.
    """
    if verification["type"] == "uploaded_jwks":
        return _keys(verification["jwks"])
    url = verification.get("discovery_url") or f"{issuer.rstrip('/')}{WELL_KNOWN}"
    try:
        found = await anyio.to_thread.run_sync(_get, url, ca_file)
        if found.get("issuer") != issuer:
            raise NoKeysError("The discovery document is of another issuer.")
        return _keys(await anyio.to_thread.run_sync(_get, found["jwks_uri"], ca_file))
    except (OSError, ValueError, KeyError) as error:
        raise NoKeysError(f"The issuer's keys can't be fetched: {error!r}") from None


def _get(url: str, ca_file: str | None) -> dict[str, Any]:
    # Proxies of the environment are not for servers on the loopback interface.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)),
    )
    with opener.open(url, timeout=TIMEOUT) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


def _keys(jwks: Mapping[str, Any]) -> list[dict[str, Any]]:
    keys = jwks.get("keys")
    return keys if isinstance(keys, list) else []
