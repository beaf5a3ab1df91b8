"""Stand-ins for what a gateway is given: a key that a test replaces, and an observer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from freshkey.core.model.secret import Secret
from freshkey.core.model.view import KeyStatus, KeyView, Publication

if TYPE_CHECKING:
    from freshkey.gateway.record import Done

KEY = "sk-svcacct-" + "canary" * 20
OTHER_KEY = "sk-svcacct-" + "second" * 20


class FakeKeys:
    """One key, which a test replaces."""

    def __init__(self) -> None:
        self.rejected: list[str] = []
        self._is_gone = False
        self._changed = trio.Event()
        self.show(KEY)

    def show(self, key: str | None, generation: int = 1) -> None:
        publication = None if key is None else Publication(generation, Secret(key), None)
        status = KeyStatus.WITHDRAWN if key is None else KeyStatus.FRESH
        self._view = KeyView("billing", status, publication)
        self._changed.set()
        self._changed = trio.Event()

    def remove(self) -> None:
        """Have no key of that name any more, as after a reload."""
        self._is_gone = True
        self._changed.set()

    def view(self, name: str) -> KeyView | None:
        assert name == "billing"
        return None if self._is_gone else self._view

    def reject(self, name: str, tag: str) -> None:
        assert name == "billing"
        self.rejected.append(tag)

    async def wait_for_another(self, name: str, tag: str) -> None:
        assert name == "billing"
        while not self._is_gone and self._tag in {None, tag}:
            await self._changed.wait()

    @property
    def _tag(self) -> str | None:
        return None if self._view.publication is None else self._view.publication.tag


class FakeObserver:
    def __init__(self) -> None:
        self.done: list[Done] = []

    def on_done(self, done: Done) -> None:
        self.done.append(done)
