"""All hooks: those of different keys run side by side."""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING, final

import trio

from freshkey.core.pacing.chance import Chance
from freshkey.hooks.key_hooks import KeyHooks
from freshkey.hooks.performing import Occasion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freshkey.core.model.actions import Publish
    from freshkey.core.model.faults import Trouble
    from freshkey.hooks.done import DoneHooks
    from freshkey.hooks.key_hooks import HookOutcome
    from freshkey.settings.model import KeySettings


@final
class Hooks:
    """Told of each publish, and runs what is configured for it, behind everything else."""

    def __init__(self, keys: Mapping[str, KeySettings], done: DoneHooks) -> None:
        self._of = {
            name: KeyHooks(key.hooks, done.of(name), partial(done.remember, name), _draw)
            for name, key in keys.items()
            if key.hooks
        }

    def published(self, order: Publish) -> None:
        """Take note that every file of a key has been written."""
        if (hooks := self._of.get(order.name)) is not None:
            shown = order.publication
            hooks.published(Occasion(order.name, shown.generation, shown.tag))

    def counts(self, name: str) -> Mapping[HookOutcome, int]:
        """Say how often hooks of a key were done, and failed, since the agent began."""
        hooks = self._of.get(name)
        return {} if hooks is None else hooks.counts

    def trouble(self, name: str) -> Trouble | None:
        """Return what keeps a hook of a key from working, None if nothing does."""
        hooks = self._of.get(name)
        return None if hooks is None else hooks.trouble

    async def run(self, stop: trio.Event) -> None:
        """Run hooks until `stop`; those under way are ended then, and run after the next start."""
        async with trio.open_nursery() as nursery:
            for hooks in self._of.values():
                nursery.start_soon(hooks.run)
            await stop.wait()
            nursery.cancel_scope.cancel()


def _draw(label: str) -> float:
    return Chance(secrets.randbits(64)).draw(label)
