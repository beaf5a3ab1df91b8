"""All hooks: those of different keys run side by side."""

from __future__ import annotations

import secrets
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, final

import trio

from freshkey.core.pacing.chance import Chance
from freshkey.hooks.key_hooks import KeyHooks
from freshkey.hooks.performing import Occasion, perform

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from freshkey.core.model.actions import Publish
    from freshkey.core.model.faults import Trouble
    from freshkey.hooks.done import DoneHooks
    from freshkey.hooks.performing import Outcome
    from freshkey.settings.keys import HookSettings, KeySettings


class HookOutcome(StrEnum):
    """How runs of hooks are counted."""

    DONE = "done"
    FAILED = "failed"


@final
class Hooks:
    """Told of each publish, and runs what is configured for it, behind everything else.

    `count` is called at the end of each hook, with the key's name.
    """

    def __init__(
        self,
        keys: Mapping[str, KeySettings],
        done: DoneHooks,
        count: Callable[[str, HookOutcome], None],
    ) -> None:
        self.done = done
        self._count = count
        self._of = {
            name: KeyHooks(
                key.hooks, done.of(name), partial(done.remember, name), _draw, self._perform
            )
            for name, key in keys.items()
            if key.hooks
        }

    async def _perform(self, hook: HookSettings, occasion: Occasion) -> Outcome:
        outcome = await perform(hook, occasion)
        done = outcome.fault is None
        self._count(occasion.key, HookOutcome.DONE if done else HookOutcome.FAILED)
        return outcome

    def published(self, order: Publish) -> None:
        """Take note that every file of a key has been written."""
        if (hooks := self._of.get(order.name)) is not None:
            shown = order.publication
            hooks.published(Occasion(order.name, shown.generation, shown.tag))

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
