"""What a test can see of a simulated agent: what it holds, ordered, told, and showed readers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from freshkey.core.keys.lifecycle import view
from freshkey.core.model.actions import Order, Publish, Record, Withdraw
from freshkey.core.model.events import Event, Published, Withdrawn
from freshkey.core.model.faults import Fault
from freshkey.core.model.state import AgentState

if TYPE_CHECKING:
    from freshkey.core.model.state import KeyState, Lease
    from freshkey.core.model.token import Token
    from freshkey.core.model.view import KeyView


@dataclass(kw_only=True)
class Observed:
    """An agent's state, and the traces that it leaves. `now` is the lease clock."""

    state: AgentState = field(default_factory=AgentState)
    now: float = 1000.0
    file_fault: Fault | None = None
    calls: Counter[str] = field(default_factory=Counter)
    file_keys: dict[str, str] = field(default_factory=dict)  # name to key, as files have it
    history: list[tuple[float, str, str]] = field(default_factory=list)  # when, name, tag
    log: list[tuple[float, Order]] = field(default_factory=list)
    mints: list[float] = field(default_factory=list)  # those that reached OpenAI
    records: list[tuple[float, Record]] = field(default_factory=list)
    socket_keys: dict[str, str] = field(default_factory=dict)  # the same, as the socket has it

    def key(self, name: str = "billing") -> KeyState:
        return next(key for key in self.state.keys if key.name == name)

    def lease(self, name: str = "billing") -> Lease:
        """The lease of the published key."""
        current = self.key(name).current
        assert current is not None
        return current.lease

    def token(self) -> Token:
        token = self.state.tokens.current
        assert token is not None
        return token

    def tag(self, name: str = "billing") -> str:
        """The tag that was published last."""
        return next(tag for _, named, tag in reversed(self.history) if named == name)

    def fault(self, name: str = "billing") -> Fault | None:
        """The fault of a key that stands."""
        trouble = self.key(name).trouble
        return trouble.fault if trouble else None

    def token_fault(self) -> Fault | None:
        trouble = self.state.tokens.trouble
        return trouble.fault if trouble else None

    def view(self, name: str = "billing") -> KeyView:
        """What readers see of a key."""
        return view(self.key(name), self.state.tokens, self.state.link)

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [dict(record.fields) for _, record in self.records if record.event == event]

    def times(self, *orders: type[Order]) -> list[float]:
        """When orders of these types left."""
        return [at for at, order in self.log if isinstance(order, orders)]

    def output(self, order: Publish | Withdraw) -> Event:
        self.log.append((self.now, order))
        faults = () if self.file_fault is None else (self.file_fault,)
        match order:
            case Publish():
                self.socket_keys[order.name] = order.publication.secret.reveal()
                if not faults:
                    self.file_keys[order.name] = self.socket_keys[order.name]
                    self.history.append((self.now, order.name, order.publication.tag))
                return Published(order, faults)
            case Withdraw():
                self.file_keys.pop(order.name, None)
                self.socket_keys.pop(order.name, None)
                return Withdrawn(order, faults)
