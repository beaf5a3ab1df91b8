"""The hooks of one key: one at a time, after the newest publish, until all of them worked."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import structlog
import trio

from freshkey.core.model.faults import Fault, FaultKind, Operation, Trouble
from freshkey.core.model.policy import HookEvent
from freshkey.core.model.text import one_line
from freshkey.core.pacing.hooks import next_run, planned, put_off, without
from freshkey.host.clock import boot_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from freshkey.core.pacing.hooks import HookRun
    from freshkey.hooks.performing import Occasion, Outcome
    from freshkey.settings.keys import HookSettings

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@final
class KeyHooks:
    """Told of each publish; it remembers the newest one only.

    `done` is the last generation whose hooks have all run, 0 for none; `remember` takes the next
    such one. `draw` gives a number in [0, 1) for a label.
    """

    def __init__(
        self,
        hooks: Sequence[HookSettings],
        done: int,
        remember: Callable[[int], None],
        draw: Callable[[str], float],
        perform: Callable[[HookSettings, Occasion], Awaitable[Outcome]],
    ) -> None:
        self._hooks = hooks
        self._done = done
        self._remember = remember
        self._draw = draw
        self._perform = perform
        # Hooks of the first publish that worked: they do not run again while another one fails.
        self._first_done: set[int] = set()
        self._troubles: dict[int, Trouble] = {}
        self._newest: Occasion | None = None
        self._news = trio.Event()

    def published(self, occasion: Occasion) -> None:
        """Take note of a publish: every file has the key. The same one may be told of again."""
        if self._newest is None or occasion.generation != self._newest.generation:
            self._newest = occasion
            self._news.set()

    @property
    def trouble(self) -> Trouble | None:
        """What keeps a hook of the newest publish from working; the first one's, if several."""
        return self._troubles[min(self._troubles)] if self._troubles else None

    async def run(self) -> None:
        """Run hooks until cancelled."""
        while True:
            await self._news.wait()
            self._news = trio.Event()
            if self._newest is not None:
                await self._run_all(self._newest)

    async def _run_all(self, occasion: Occasion) -> None:
        """Run the hooks of a publish, until all have worked or there is another publish."""
        self._troubles.clear()
        events = [hook.on for hook in self._hooks]
        runs = planned(events, occasion.generation, self._done, self._first_done)
        while (run := next_run(runs)) is not None:
            with trio.move_on_at(run.due_at):
                await self._news.wait()
            if self._news.is_set():
                return
            if await self._run_one(run, occasion):
                runs = without(runs, run)
                if events[run.index] is HookEvent.FIRST:
                    self._first_done.add(run.index)
            else:
                draw = self._draw(str(run.index))
                runs = put_off(runs, run, trio.current_time(), draw)
        if occasion.generation > self._done:
            self._done = occasion.generation
            self._remember(occasion.generation)

    async def _run_one(self, run: HookRun, occasion: Occasion) -> bool:
        started = trio.current_time()
        outcome = await self._perform(self._hooks[run.index], occasion)
        told: dict[str, object] = {
            "key": occasion.key,
            "hook": run.index,
            "generation": occasion.generation,
            "seconds": round(trio.current_time() - started, 3),
        }
        if outcome.output:
            told["output"] = list(outcome.output)
        if outcome.is_cut:
            told["output_is_cut"] = True
        if outcome.fault is None:
            self._troubles.pop(run.index, None)
            log.info("hook.done", **told)
            return True
        fault = Fault(FaultKind.OUTPUT, one_line(f"hooks[{run.index}]: {outcome.fault}"))
        self._troubles[run.index] = Trouble(Operation.HOOK, fault, boot_time())
        attempt = run.failures + 1
        if attempt.bit_count() == 1:  # the 1st, 2nd, 4th, 8th … time: it must not fill the log
            told |= {"attempt": attempt, "fault": FaultKind.OUTPUT.value, "message": outcome.fault}
            log.warning("hook.failed", **told)
        return False
