"""The published keys, as the gateway's requests find them: those of the configuration now."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import trio

from freshkey.serve.published_keys import PublishedKeys
from freshkey.serve.subscribers import Subscribers

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.core.model.view import KeyView


@final
class GatewayKeys:
    """See `gateway.keys.Keys`. A request that is under way at a reload finds the next keys."""

    def __init__(self) -> None:
        self._published = PublishedKeys(())
        self._report: Callable[[str, str], None] = lambda _name, _tag: None
        self._followed = Subscribers()

    def follow(self, published: PublishedKeys, report: Callable[[str, str], None]) -> None:
        """Show these from here on; `report` takes the name and the tag of a key that is refused."""
        self._published, self._report = published, report
        self._followed.notify()

    def view(self, name: str) -> KeyView | None:
        """Return what readers see of a key now; None when no key has that name any more."""
        return self._published.view(name)

    def reject(self, name: str, tag: str) -> None:
        """Report the key with this tag, if it is still the one that is published."""
        if tag == self._published.tag(name):
            self._report(name, tag)

    async def wait_for_another(self, name: str, tag: str) -> None:
        """Wait until the key that is published has another tag than this, or is gone for good."""
        while self._published.view(name) and self._published.tag(name) in {tag, None}:
            shown = trio.Event()
            news = self._published.news(name)
            news.add(shown.set)
            self._followed.add(shown.set)
            try:
                await shown.wait()
            finally:
                news.remove(shown.set)
                self._followed.remove(shown.set)
