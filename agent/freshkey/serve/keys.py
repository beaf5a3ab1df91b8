"""A published key as readers get it; the one place from which a secret enters an answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

from freshkey.core.view import KeyStatus

if TYPE_CHECKING:
    from freshkey.core.view import KeyView, Publication


class WallClock(Protocol):
    """Tells instants of the lease clock in the reader's terms."""

    def expires_in(self, expires_at: float) -> int:
        """Return the whole seconds until an instant, rounded down; negative once it is past."""

    def not_after(self, expires_at: float) -> str:
        """Return an instant in RFC 3339, in UTC with `Z`."""


def as_entry(view: KeyView, tag: str | None, clock: WallClock) -> dict[str, object]:
    """Render a key for the list of `GET /v1/keys`, without its secret."""
    out = view.publication
    expires_at = out.expires_at if out else None
    return {
        "name": view.name,
        "tag": tag,
        "generation": out.generation if out else None,
        "state": view.status,
        "not_after": None if expires_at is None else clock.not_after(expires_at),
        "expires_in": None if expires_at is None else clock.expires_in(expires_at),
        "stale": view.status is KeyStatus.STALE,
    }


def as_json(
    name: str, publication: Publication, tag: str, clock: WallClock, *, stale: bool
) -> bytes:
    """Render a key as the object of `GET /v1/keys/NAME`."""
    expires_at = publication.expires_at
    content = {
        "name": name,
        "key": _revealed(publication),
        "tag": tag,
        "generation": publication.generation,
        "not_after": None if expires_at is None else clock.not_after(expires_at),
        "expires_in": None if expires_at is None else clock.expires_in(expires_at),
        "stale": stale,
        "api_key_id": publication.api_key_id,
    }
    return json.dumps(content).encode()


def as_text(publication: Publication) -> bytes:
    """Render the key alone, without a newline."""
    return _revealed(publication).encode()


def _revealed(publication: Publication) -> str:
    return publication.secret.reveal()
