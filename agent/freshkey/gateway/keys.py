"""Where the gateway has its keys from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from freshkey.core.model.view import KeyView


class Keys(Protocol):
    """The published keys by name, and whom to tell that one was refused."""

    def view(self, name: str) -> KeyView | None:
        """Return what readers see of a key now; None when no key has that name any more."""

    def reject(self, name: str, tag: str) -> None:
        """Tell the agent that OpenAI refused the key with this tag."""

    async def wait_for_another(self, name: str, tag: str) -> None:
        """Wait until the key that is published has another tag than this, or is gone for good."""
