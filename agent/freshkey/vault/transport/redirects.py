"""Redirects, which carry the token: followed to configured nodes only, and never automatically."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.vault.answers.quoting import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

_TO_ACTIVE_NODE = frozenset({307, 308})
_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int]


class MovedError(FaultError):
    """A redirect, with the fault that it is unless it can be followed."""

    def __init__(self, address: str, status: int, location: str) -> None:
        self._from = _origin(address)
        self._to = _origin(location)
        self._followable = status in _TO_ACTIVE_NODE
        where = "elsewhere" if self._to is None else "{}://{}:{}".format(*self._to)
        message = (
            f"Vault at {address} redirects ({status}) to {quote([where])}, which is not followed: "
            "if it is your Vault, put it into vault.address or vault.addresses"
        )
        super().__init__(Fault(FaultKind.MALFORMED, message))

    def node(self, addresses: Sequence[str]) -> str | None:
        """Return the configured address that may be asked in place of the one that redirects.

        It has the same scheme, or https: what was encrypted stays so. A standby names the active
        node by 307, see
        https://developer.hashicorp.com/vault/docs/concepts/ha#client-redirection
        """
        if not self._followable or self._from is None or self._to is None:
            return None
        if self._to == self._from or self._to[0] not in {self._from[0], "https"}:
            return None
        return next((address for address in addresses if _origin(address) == self._to), None)


def _origin(url: str) -> Origin | None:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return parts.scheme, parts.hostname or "", port
