"""One agent of the fleet: the real core, which a simulated Vault answers.

`verify`, checks, and probes are off: they ask OpenAI's data plane and Vault, and the limit is the
organization API's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from freshkey.core.agent.step import step
from freshkey.core.keys.adoption import DesiredState, adopt, fresh
from freshkey.core.model.actions import (
    Issue,
    LogIn,
    LookUp,
    Ping,
    Publish,
    Record,
    Revoke,
    RevokeToken,
    Withdraw,
)
from freshkey.core.model.events import (
    Event,
    Failed,
    Issued,
    LoggedIn,
    LookedUp,
    Pinged,
    Published,
    Revoked,
    Started,
    TokenRevoked,
    Withdrawn,
    Woke,
)
from freshkey.core.model.faults import Fault, FaultKind, Operation
from freshkey.core.model.grants import Grant, Login, Renewal, TokenKind
from freshkey.core.model.ledger import Origin, Source, to_ledger
from freshkey.core.model.policy import AgentPolicy, KeyPolicy, VerifyMode
from freshkey.core.model.secret import Secret
from freshkey.core.pacing.chance import Chance
from freshkey.vault.answers.faults import Refusal, Request, fault_of

from bench.fleet.environment import LATENCY, MINT_LATENCY
from bench.fleet.organization import LIMITED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from freshkey.core.model.actions import Action, Order

    from bench.fleet.environment import Environment

AWAY: Final = Fault(FaultKind.UNREACHABLE, "connection refused")
AT_LIMIT: Final = fault_of(Request(Operation.MINT, "openai/creds/app"), Refusal(500, (LIMITED,)))
OPTIONS: Final = KeyPolicy(verify=VerifyMode.OFF, check_every=0.0, probe_every=0.0)
ORIGIN: Final = Origin("https://vault:8200", None, "approle", "approle", "role")
_SEEDS: Final = 1_000_003


def policy_of(keys: int, rule: KeyPolicy) -> AgentPolicy:
    """Return the policy of an agent with so many keys."""
    return AgentPolicy({f"key-{place}": rule for place in range(keys)})


class FreshkeyAgent:
    """One agent: its keys have the numbers from `first` on among the readers."""

    def __init__(
        self, first: int, policy: AgentPolicy, environment: Environment, seed: int
    ) -> None:
        self._seed = (seed * _SEEDS + first) * _SEEDS
        self._numbers = {name: first + place for place, name in enumerate(policy.keys)}
        self._clock = environment.clock
        self._vault = environment.vault
        self._readers = environment.readers
        sources = {name: Source(f"openai/creds/{name}", "api_key") for name in policy.keys}
        self._desired_state = DesiredState(policy, ORIGIN, sources)
        self._state = fresh(policy)
        self._steps = 0
        self._life = 0  # answers to an earlier process come to nothing
        self._wake_at = -1.0

    def start(self) -> None:
        """Begin, with what the journal holds."""
        self._send([Started()])

    def kill(self) -> None:
        """End, with all answers under way; journal and files stay."""
        self._life += 1
        ledger = to_ledger(self._state, ORIGIN, self._desired_state.sources)
        self._state = adopt(ledger, self._desired_state, self._clock.now).state

    def lose_files(self) -> None:
        """Lose files and journal, as a new pod does."""
        self._state = fresh(self._desired_state.policy)
        for number in self._numbers.values():
            self._readers.show(number, None)

    def _send(self, events: Sequence[Event]) -> None:
        while events:
            self._steps += 1
            chance = Chance(self._seed + self._steps)
            policy = self._desired_state.policy
            done = step(policy, self._state, events, self._clock.now, chance)
            self._state = done.state
            events = [answer for action in done.actions if (answer := self._perform(action))]
            self._wake(done.wake_at)

    def _wake(self, at: float) -> None:
        self._wake_at, life = at, self._life

        def wake() -> None:
            if (at, life) == (self._wake_at, self._life):
                self._send([Woke()])

        if at < float("inf"):
            self._clock.at(at, wake)

    def _perform(self, action: Action) -> Event | None:
        """Do what is ordered; return the answer if it comes at once."""
        match action:
            case Record():
                return None
            case Publish():
                account = action.publication.api_key_id
                self._readers.show(self._numbers[action.name], account)
                return Published(action)
            case Withdraw():
                self._readers.show(self._numbers[action.name], None)
                return Withdrawn(action)
            case _:
                answer, life = self._answer(action), self._life
                latency = MINT_LATENCY if isinstance(action, Issue) else LATENCY

                def arrive() -> None:
                    if life == self._life:
                        self._send([answer])

                self._clock.after(latency, arrive)
                return None

    def _answer(self, order: Order) -> Event:
        if self._vault.away:
            return Failed(order, AWAY)
        match order:
            case Ping():
                return Pinged(order)
            case LogIn():
                return LoggedIn(order, self._login())
            case Issue():
                return self._mint(order)
            case Revoke():
                self._vault.end(order.lease_id)
                return Revoked(order)
            case RevokeToken():
                self._vault.end_token(order.token.reveal())
                return TokenRevoked(order)
            case LookUp():
                left = self._vault.remaining(order.lease_id)
                renewal = Renewal(left, renewable=False, asked_at=self._clock.now)
                return LookedUp(order, renewal if left else None)
            case _:
                raise ValueError(f"nothing here answers {order.operation}")

    def _login(self) -> Login:
        token = Secret(self._vault.log_in())
        return Login(
            token,
            "accessor",
            TokenKind.SERVICE,
            duration=None,
            renewable=False,
            owned=True,
            asked_at=self._clock.now,
        )

    def _mint(self, order: Issue) -> Event:
        lease = self._vault.mint(order.token.reveal())
        if lease is None:
            return Failed(order, AT_LIMIT)
        grant = Grant(
            lease.id,
            self._vault.ttl,
            renewable=False,
            secret=Secret(f"sk-{lease.account}"),
            asked_at=self._clock.now,
            api_key_id=lease.account,
        )
        return Issued(order, grant)
