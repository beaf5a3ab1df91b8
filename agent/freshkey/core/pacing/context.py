"""One step under way: what it may look at, and what it has decided so far."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import msgspec

from freshkey.core.model.actions import Action, Field, Level, Publish, Record
from freshkey.core.model.policy import AgentPolicy, KeyPolicy
from freshkey.core.model.records import audited
from freshkey.core.model.state import Link, Stopping
from freshkey.core.model.struct import field
from freshkey.core.model.token import Tokens
from freshkey.core.pacing.chance import Chance
from freshkey.core.pacing.timing import token_lead

if TYPE_CHECKING:
    from freshkey.core.model.state import KeyState, Lease

_REMOVED = KeyPolicy()  # for a key that is not configured any more and only has leases to revoke


class StepContext(msgspec.Struct):
    """Lives for one call of `step`; the states that pass through it stay immutable.

    `due` is the only way to ask for the time: what is not due yet is remembered, so that the
    step can say when it wants to be woken.
    """

    now: float
    chance: Chance
    policy: AgentPolicy
    tokens: Tokens
    link: Link
    stopping: Stopping | None
    actions: list[Action] = field(default_factory=list)
    wake_at: float = inf
    lead: float = 0.0  # see `token_lead`

    def __post_init__(self) -> None:
        self.lead = token_lead(self.policy)

    def of(self, key: KeyState) -> KeyPolicy:
        """Return the options of a key."""
        return self.policy.keys.get(key.name, _REMOVED)

    def due(self, at: float) -> bool:
        """Whether an instant has come; if not, the step will want to be woken then."""
        if self.now >= at:
            return True
        self.wake_at = min(self.wake_at, at)
        return False

    def do(self, action: Action) -> None:
        """Order something."""
        self.actions.append(action)

    def take_back_publish(self, name: str) -> None:
        """Order no publish of a key that is withdrawn in the same step: nobody has seen it."""
        self.actions = [
            action
            for action in self.actions
            if not (isinstance(action, Publish) and action.name == name)
        ]

    def audit(
        self,
        event: str,
        name: str,
        lease: Lease | None = None,
        level: Level = Level.INFO,
        **fields: Field,
    ) -> None:
        """Record what became of a key, for auditors."""
        self.actions.append(audited(event, name, lease, level, **fields))

    def tell(self, event: str, level: Level = Level.INFO, **fields: Field) -> None:
        """Record something for the log."""
        self.actions.append(Record(level, event, tuple(fields.items())))
