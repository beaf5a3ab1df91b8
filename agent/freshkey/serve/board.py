"""The published state of every key: the app writes it, readers read it and wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import trio

from freshkey.core.view import KeyStatus, KeyView

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


@final
class Board:
    """One `KeyView` per configured key; each is `starting` until the first `show()`."""

    def __init__(self, names: Iterable[str]) -> None:
        self._views = {name: KeyView(name, KeyStatus.STARTING) for name in names}
        self._tags: dict[str, str] = {}
        self._changes = {name: trio.Event() for name in self._views}

    def show(self, view: KeyView) -> None:
        """Replace what readers see of one key, and wake all who wait for that.

        Raises KeyError for a name that the board was not made with.
        """
        change = self._changes[view.name]
        self._views[view.name] = view
        if view.publication:
            self._tags[view.name] = view.publication.tag
        else:
            self._tags.pop(view.name, None)
        # An event serves one change: whoever waits from now on waits for the next.
        self._changes[view.name] = trio.Event()
        change.set()

    def view(self, name: str) -> KeyView | None:
        """Return what readers see of a key now; None when no key has that name."""
        return self._views.get(name)

    def tag(self, name: str) -> str | None:
        """Return the tag of what is published for a key; hashed once per view, not per read."""
        return self._tags.get(name)

    def views(self) -> Collection[KeyView]:
        """Return what readers see of every key, in the configuration's order."""
        return self._views.values()

    async def next_view(self, name: str) -> KeyView:
        """Wait until the key is shown again and return that view, or a later one.

        Nothing is missed between a `view()` and this call as long as no checkpoint lies between
        the two. Raises KeyError for an unknown name.
        """
        await self._changes[name].wait()
        return self._views[name]
