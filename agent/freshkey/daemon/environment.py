"""The real world of the main loop: clocks, chance, the journal, files, and what readers see."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, final

from freshkey.core.model.events import Published, Withdrawn
from freshkey.core.model.struct import Struct
from freshkey.daemon.counters import Counters
from freshkey.daemon.journal_keeper import JournalKeeper
from freshkey.daemon.publisher import OutputOrder, Publisher
from freshkey.daemon.recorder import Recorder
from freshkey.hooks.hooks import Hooks
from freshkey.host.clock import WallClock, boot_time
from freshkey.serve.published_keys import PublishedKeys

if TYPE_CHECKING:
    from freshkey.core.model.actions import Record
    from freshkey.core.model.state import AgentState
    from freshkey.core.model.view import KeyView


@final
class AgentEnvironment(Struct, frozen=True):
    """Everything that the loop does at once, without waiting; see `loop.Environment`."""

    clock: WallClock
    keeper: JournalKeeper
    publisher: Publisher
    published_keys: PublishedKeys
    recorder: Recorder
    hooks: Hooks
    counters: Counters

    def now(self) -> float:
        """Seconds on the lease clock."""
        return boot_time()

    def jumped(self) -> bool:
        """Whether the wall clock has moved by more than 5 s since the last call."""
        return self.clock.jumped()

    def seed(self) -> int:
        """Fresh randomness for one step."""
        return secrets.randbits(64)

    def write_journal(self, state: AgentState) -> None:
        """Put the state into the journal."""
        self.keeper.write_journal(state)

    def publish(self, order: OutputOrder) -> Published | Withdrawn:
        """Write or remove files; hooks are for a key that stands in all of them."""
        began = time.perf_counter()
        answer = self.publisher.perform(order)
        self.counters.on_answer(order, answer)
        if isinstance(answer, Published):
            self.counters.publishes.observe(time.perf_counter() - began)
            if not answer.faults:
                self.hooks.published(answer.order)
        return answer

    def changed(self) -> list[str]:
        """Name the keys whose files somebody else has changed."""
        return self.publisher.changed()

    def tidy(self) -> None:
        """Remove what is left of keys that are not configured any more."""
        self.publisher.tidy()

    def show(self, shown: KeyView) -> None:
        """Let readers of the socket see a key."""
        self.published_keys.show(shown)

    def record(self, record: Record) -> None:
        """Put it into the log, or into the record for auditors."""
        self.recorder.record(record)
