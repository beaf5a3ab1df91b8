"""The published state of every key: the app writes it, readers read it and wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import trio

from freshkey.core.model.view import KeyStatus, KeyView

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from freshkey.serve.responses import Response

_AT_ONCE: Final = 16  # of those who wait for a key are woken before anybody else has a turn


@final
class PublishedKeys:
    """One `KeyView` per configured key; each is `starting` until the first `show()`."""

    def __init__(self, names: Iterable[str]) -> None:
        self._views = {name: KeyView(name, KeyStatus.STARTING) for name in names}
        self._tags: dict[str, str] = {}
        self._answers: dict[str, dict[int | None, Response]] = {name: {} for name in self._views}
        self._waiting = {name: trio.lowlevel.ParkingLot() for name in self._views}

    def show(self, view: KeyView) -> None:
        """Replace what readers see of one key, and wake all who wait for that.

        Raises KeyError for a name that is not configured.
        """
        waiting = self._waiting[view.name]
        self._views[view.name] = view
        if view.publication:
            self._tags[view.name] = view.publication.tag
        else:
            self._tags.pop(view.name, None)
        self._answers[view.name].clear()
        # Whoever waits from now on waits for the next change.
        self._waiting[view.name] = trio.lowlevel.ParkingLot()
        waiting.unpark(count=_AT_ONCE)

    def view(self, name: str) -> KeyView | None:
        """Return what readers see of a key now; None when no key has that name."""
        return self._views.get(name)

    def tag(self, name: str) -> str | None:
        """Return the tag of what is published for a key; hashed once per view, not per read."""
        return self._tags.get(name)

    def answers(self, name: str) -> dict[int | None, Response]:
        """Return where answers made of what is published now are remembered, by `expires_in`.

        They are forgotten when the key is shown again. Raises KeyError for an unknown name.
        """
        return self._answers[name]

    def views(self) -> Collection[KeyView]:
        """Return what readers see of every key, in the configuration's order."""
        return self._views.values()

    async def next_view(self, name: str) -> KeyView:
        """Wait until the key is shown again and return that view, or a later one.

        Nothing is missed between a `view()` and this call as long as no checkpoint lies between
        the two. Raises KeyError for an unknown name.
        """
        waiting = self._waiting[name]
        await waiting.park()
        waiting.unpark()  # one wakes the next: a crowd that answers at once would hold up others
        return self._views[name]
