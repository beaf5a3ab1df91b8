"""What clients may ask of the agent beside its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Control(Protocol):
    """Passes on to the agent what clients ask for; every method returns at once."""

    def report(self, name: str, tag: str) -> None:
        """A reader says that OpenAI refused the published key, which has this tag."""

    def rotate(self, name: str, *, compromised: bool, now: bool) -> None:
        """Somebody who may wants a new key; see `core.model.events.RotateRequested`."""

    def status(self, names: Collection[str]) -> Mapping[str, object]:
        """Return the object of `GET /v1/status` with these keys, ready for JSON; no secrets."""

    def metrics(self) -> bytes:
        """Return the text of `GET /metrics`."""
