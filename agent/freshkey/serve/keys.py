"""A published key as readers get it; the one place from which a secret enters an answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

from freshkey.core.model.view import KeyStatus

if TYPE_CHECKING:
    from freshkey.core.model.view import KeyView, Publication


class WallClock(Protocol):
    """Tells instants of the lease clock in the reader's terms."""

    def expires_in(self, expires_at: float) -> int:
        """Return the whole seconds until an instant, rounded down; negative once it is past."""

    def not_after(self, expires_at: float) -> str:
        """Return an instant in RFC 3339, in UTC with `Z`."""


def outline(view: KeyView, tag: str | None, clock: WallClock) -> dict[str, object]:
    """Describe a key for `GET /v1/keys`, ready for JSON and without the key itself."""
    publication = view.publication
    return {
        "name": view.name,
        "tag": tag,
        "generation": publication.generation if publication else None,
        "state": view.status,
        **_times(publication, clock),
        "stale": view.status is KeyStatus.STALE,
    }


def as_json(
    name: str, publication: Publication, tag: str, clock: WallClock, *, stale: bool
) -> bytes:
    """Render a key as the object of `GET /v1/keys/NAME`."""
    content = {
        "name": name,
        "key": _revealed(publication),
        "tag": tag,
        "generation": publication.generation,
        **_times(publication, clock),
        "stale": stale,
        "api_key_id": publication.api_key_id,
    }
    return json.dumps(content).encode()


def as_text(publication: Publication) -> bytes:
    """Render the key alone, without a newline."""
    return _revealed(publication).encode()


def _times(publication: Publication | None, clock: WallClock) -> dict[str, object]:
    expires_at = publication.expires_at if publication else None
    return {
        "not_after": None if expires_at is None else clock.not_after(expires_at),
        "expires_in": None if expires_at is None else clock.expires_in(expires_at),
    }


def _revealed(publication: Publication) -> str:
    return publication.secret.reveal()
