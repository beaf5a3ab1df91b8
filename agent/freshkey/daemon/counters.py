"""What the process counts from its start on, over reloads, for `GET /metrics`."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Final, final

from freshkey.core.model.actions import Exchange, Issue
from freshkey.core.model.events import Exchanged, Failed, Issued, Published, Tested, Withdrawn
from freshkey.core.model.faults import FaultKind, Operation
from freshkey.core.model.verdict import Verdict
from freshkey.hooks.hooks import HookOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from freshkey.core.model.actions import Order, Record
    from freshkey.core.model.events import Event
    from freshkey.gateway.record import Done
    from freshkey.serve.exposition import Labels

VAULT_BUCKETS: Final = (
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
)  # seconds
FILE_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)
GATEWAY_BUCKETS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0)
DONE: Final = "ok"


@final
class Histogram:
    """Counts values by the least bound that each does not exceed; the last count has no bound."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds: Final = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Take one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


@final
class Counters:
    """Every count by its labels, in the order of the names in the contract."""

    def __init__(self) -> None:
        self.rotations: Counter[Labels] = Counter()  # key, reason
        self.mints: Counter[Labels] = Counter()  # key, outcome
        self.faults: Counter[Labels] = Counter()  # operation, fault
        self.reads: Counter[Labels] = Counter()  # key, via, outcome
        self.hooks: Counter[Labels] = Counter()  # key, outcome
        self.vault_requests: dict[str, Histogram] = {}  # by operation
        self.publishes = Histogram(FILE_BUCKETS)
        self.gateway_requests: Counter[Labels] = Counter()  # key, client, status
        self.gateway_tokens: Counter[Labels] = Counter()  # key, client, direction
        self.gateway_added = Histogram(GATEWAY_BUCKETS)

    def on_record(self, record: Record) -> None:
        """Count a publish; each generation is recorded once."""
        if record.event == "key.published":
            fields = dict(record.fields)
            self.rotations[str(fields["key"]), str(fields["reason"])] += 1

    def on_answer(self, order: Order, answer: Event) -> None:
        """Count what came of an order."""
        match answer:
            case Failed(fault=fault):
                self.on_fault(order.operation, fault.kind)
                if isinstance(order, Issue | Exchange):
                    self.mints[order.name, fault.kind] += 1
            case Issued(grant=grant) if isinstance(order, Issue) and grant.lease_id:
                self.mints[order.name, DONE] += 1
            case Exchanged(order=exchange):
                self.mints[exchange.name, DONE] += 1
            case Tested(finding=finding) if finding.verdict is Verdict.REFUSED:
                self.on_fault(Operation.TEST, FaultKind.REFUSED)
            case Published(faults=faults) | Withdrawn(faults=faults):
                for fault in faults:
                    self.on_fault(order.operation, fault.kind)
            case _:
                pass

    def on_fault(self, operation: Operation, fault: FaultKind) -> None:
        """Count one fault."""
        self.faults[operation, fault] += 1

    def on_read(self, key: str, via: str, outcome: str) -> None:
        """Count a read; `key` is empty for a name that is not configured."""
        self.reads[key, via, outcome] += 1

    def expect_hooks(self, key: str) -> None:
        """Begin with zeros: what is missing before it is 1 shows no increase."""
        for outcome in HookOutcome:
            self.hooks[key, outcome] += 0

    def on_hook(self, key: str, outcome: str) -> None:
        """Count the end of a hook."""
        self.hooks[key, outcome] += 1

    def on_gateway(self, done: Done) -> None:
        """Count a request of a gateway's client; key and client are empty for one that is none."""
        labels = done.key or "", done.client or ""
        self.gateway_requests[*labels, str(done.status)] += 1
        if done.usage is not None:
            self.gateway_tokens[*labels, "input"] += done.usage.input
            self.gateway_tokens[*labels, "output"] += done.usage.output
        if done.added is not None:
            self.gateway_added.observe(done.added)

    def on_vault_request(self, operation: Operation, seconds: float) -> None:
        """Take how long a request to Vault took, answered or not."""
        if operation not in self.vault_requests:
            self.vault_requests[operation] = Histogram(VAULT_BUCKETS)
        self.vault_requests[operation].observe(seconds)
