"""What goes wrong in a simulated world, and the policies it runs under."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Any

from freshkey.core.keys.adoption import DesiredState
from freshkey.core.model.actions import Order
from freshkey.core.model.faults import Fault, FaultKind
from freshkey.core.model.ledger import Federation, Origin, Source
from freshkey.core.model.policy import AgentPolicy, KeyPolicy
from freshkey.core.model.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

PROMPT = 0.01  # seconds for an answer, where no rule says otherwise
ORIGIN = Origin("https://vault:8200", None, "approle", "approle", "role")

AWAY = Fault(FaultKind.UNREACHABLE, "no answer")
LOST = Fault(FaultKind.UNREACHABLE, "the answer is lost", unanswered=True)
SEALED = Fault(FaultKind.SEALED, "Vault is sealed")
THROTTLED = Fault(FaultKind.THROTTLED, "too many requests", retry_after=20.0)
FORBIDDEN = Fault(FaultKind.FORBIDDEN, "permission denied")
LIMITED = Fault(FaultKind.UPSTREAM, "API error (429)", upstream_status=429)
BAD_REQUEST = Fault(FaultKind.BAD_REQUEST, "lease revocation failed")
INVALID = Fault(FaultKind.TOKEN_INVALID, "invalid token")
FULL_DISK = Fault(FaultKind.OUTPUT, "no space left on device")


@dataclass(frozen=True)
class Rule:
    """From `start` to `end` orders of these types fail, or only take `latency` seconds.

    `acts`: Vault does what was asked, and the answer is lost. `names`: for these keys only.
    """

    orders: tuple[type[Order], ...]
    fault: Fault | None = None
    start: float = -inf
    end: float = inf
    latency: float = PROMPT
    acts: bool = False
    names: tuple[str, ...] = ()

    def holds(self, order: Order, now: float) -> bool:
        if not (self.start <= now < self.end and isinstance(order, self.orders)):
            return False
        return not self.names or getattr(order, "name", "") in self.names


@dataclass(frozen=True)
class ForcedVerdict:
    """From `start` to `end` OpenAI says this of every key that it is asked about."""

    verdict: Verdict
    start: float = -inf
    end: float = inf


def gaps(times: Sequence[float]) -> list[float]:
    """The time from each to the next."""
    return [later - earlier for earlier, later in pairwise(times)]


def policy(*names: str, budget: int = 6, **options: Any) -> AgentPolicy:  # noqa: ANN401 - KeyPolicy's
    """Return a policy in which all keys have the same options."""
    return AgentPolicy({name: KeyPolicy(**options) for name in names or ("billing",)}, budget)


def sources(wanted: AgentPolicy) -> dict[str, Source]:
    return {
        name: Source(f"openai/creds/{name}", "api_key")
        if key.subject is None
        else Source(
            "", "", federation=Federation("idp_1", "svc_acct_1", key.subject, "https://auth")
        )
        for name, key in wanted.keys.items()
    }


def desired_state(wanted: AgentPolicy) -> DesiredState:
    """What the journal of a simulated world matches."""
    return DesiredState(wanted, ORIGIN, sources(wanted))
