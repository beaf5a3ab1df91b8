"""The published state of every key: the app writes it, readers read it and wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from freshkey.core.model.view import KeyStatus, KeyView
from freshkey.serve.subscribers import Subscribers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from freshkey.serve.responses import Response


@final
class PublishedKeys:
    """One `KeyView` per configured key; each is `starting` until the first `show()`."""

    def __init__(self, names: Iterable[str]) -> None:
        self._views = {name: KeyView(name, KeyStatus.STARTING) for name in names}
        self._tags: dict[str, str] = {}
        self._answers: dict[str, dict[int | None, Response]] = {name: {} for name in self._views}
        self._news = {name: Subscribers() for name in self._views}

    def show(self, view: KeyView) -> None:
        """Replace what readers see of one key, and wake all who wait for that.

        Raises KeyError for a name that is not configured.
        """
        news = self._news[view.name]
        self._views[view.name] = view
        if view.publication:
            self._tags[view.name] = view.publication.tag
        else:
            self._tags.pop(view.name, None)
        self._answers[view.name].clear()
        news.notify()

    def view(self, name: str) -> KeyView | None:
        """Return what readers see of a key now; None when no key has that name."""
        return self._views.get(name)

    def __getitem__(self, name: str) -> KeyView:
        """Return what readers see of a key now; raises KeyError for an unknown name."""
        return self._views[name]

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

    def news(self, name: str) -> Subscribers:
        """Return who is woken when the key is shown; raises KeyError for an unknown name."""
        return self._news[name]
