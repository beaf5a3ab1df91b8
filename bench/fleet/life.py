"""The life of a fleet, one event after another, and what was found in each part of it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from freshkey.core.model.policy import KeyPolicy

from bench.fleet.clock import Clock
from bench.fleet.environment import Environment
from bench.fleet.freshkey_agent import OPTIONS, FreshkeyAgent, policy_of
from bench.fleet.organization import Organization
from bench.fleet.readers import Readers
from bench.fleet.vault import Vault
from bench.fleet.vault_agent import VaultAgent

MINUTE: Final = 60.0
SPREAD: Final = 60.0  # seconds within which a deployment starts all agents
OUTAGE: Final = 600.0
LONG: Final = 4 / 3  # lifetimes of an outage that is longer than one
LONGEST_TTL: Final = 900.0  # for which the long outage is simulated: pings take long for others
CURVE: Final = 360  # minutes of the curves that are drawn

DEPLOYMENT, STEADY = "deployment", "steady"
JOURNAL, NO_JOURNAL = "restart with journal", "restart without journal"
SHORT_OUTAGE, LONG_OUTAGE = "outage of 10 min", "outage longer than a lease"


@dataclass(frozen=True)
class Fleet:
    """So many agents of a kind, each with so many keys; `rule` is None for Vault Agent."""

    name: str
    agents: int
    keys_each: int = 1
    rule: KeyPolicy | None = OPTIONS


@dataclass(frozen=True)
class Setup:
    """A fleet, its leases (seconds), and OpenAI's limit of calls a minute for each endpoint."""

    fleet: Fleet
    ttl: int
    limit: int | None
    seed: int = 1


@dataclass(frozen=True)
class Figures:
    """What was found in one part: numbers a minute, and seconds.

    `without` is the share of all time that readers had no working key, `longest` the longest that
    one had none, `all_after` how long after the event all had one (None: never in that part),
    `irrevocable` the keys that Vault gave up to delete.
    """

    mints: float
    peak_mints: int
    calls: float
    peak_calls: int
    without: float
    longest: float
    all_after: float | None
    irrevocable: int


@dataclass(frozen=True)
class Found:
    """All of one life: figures by part, and curves with a value for each minute."""

    figures: dict[str, Figures]
    mints: list[int]
    without: list[int]


def live(setup: Setup) -> Found:
    """Let a fleet live through everything."""
    life = _Life(setup)
    ttl = float(setup.ttl)
    life.deploy()
    life.measure(DEPLOYMENT, 2 * ttl)
    life.clock.run(life.clock.now + 2 * ttl)
    life.measure(STEADY, 3 * ttl)
    life.restart(journal=True)
    life.measure(JOURNAL, ttl)
    life.restart(journal=False)
    life.measure(NO_JOURNAL, 2 * ttl)
    without = life.readers.series(life.began, life.clock.now, MINUTE)[:CURVE]
    life.have_outage(SHORT_OUTAGE, OUTAGE)
    if ttl <= LONGEST_TTL and setup.limit is None:
        life.have_outage(LONG_OUTAGE, LONG * ttl)
    mints = [life.organization.mints[minute] for minute in range(CURVE)]
    return Found(life.figures, mints, without)


class _Life:
    def __init__(self, setup: Setup) -> None:
        self.figures: dict[str, Figures] = {}
        self.began = 0.0
        self.clock = Clock()
        self._chance = Random(setup.seed)  # noqa: S311 - a simulation has to be repeatable
        self.organization = Organization(self.clock, setup.limit)
        self._vault = Vault(self.clock, self.organization, self._chance, setup.ttl)
        fleet = setup.fleet
        self._count = fleet.agents * fleet.keys_each
        self.readers = Readers(self.clock, self._count, self.organization.accounts)
        self.organization.deleted = self.readers.on_deleted
        self._ttl = float(setup.ttl)
        environment = Environment(self.clock, self._vault, self.readers)
        self._agents = [self._agent(setup, number, environment) for number in range(fleet.agents)]

    def _agent(
        self, setup: Setup, number: int, environment: Environment
    ) -> FreshkeyAgent | VaultAgent:
        fleet = setup.fleet
        if fleet.rule is None:
            return VaultAgent(number, environment, self._chance)
        first, policy = number * fleet.keys_each, policy_of(fleet.keys_each, fleet.rule)
        return FreshkeyAgent(first, policy, environment, setup.seed)

    def deploy(self) -> None:
        """Start all agents within a minute."""
        for agent in self._agents:
            self.clock.after(SPREAD * self._chance.random(), agent.start)

    def restart(self, *, journal: bool) -> None:
        """End all at once, and start them within a minute."""
        for agent in self._agents:
            agent.kill()
            if not journal:
                agent.lose_files()
        self.deploy()

    def have_outage(self, name: str, length: float) -> None:
        """Have no Vault for a while, and watch until a lifetime later."""
        self._vault.away = True
        self.clock.after(length, self._vault.come_back)
        self.measure(name, length + self._ttl, event=self.clock.now + length)

    def measure(self, name: str, length: float, event: float | None = None) -> None:
        """Let time pass, and note what is found; `event` is its end, where it takes a while."""
        self.began, given_up = self.clock.now, self._vault.irrevocable
        event = self.began if event is None else event
        self.readers.begin()
        self.clock.run(self.began + length)
        minutes = range(int(self.began // MINUTE), int(self.clock.now // MINUTE))
        mints = [self.organization.mints[minute] for minute in minutes]
        calls = [self.organization.calls[minute] for minute in minutes]
        self.figures[name] = Figures(
            mints=sum(mints) / len(minutes),
            peak_mints=max(mints),
            calls=sum(calls) / len(minutes),
            peak_calls=max(calls),
            without=self.readers.finish() / (self._count * length),
            longest=self.readers.longest,
            all_after=self.readers.all_have_one_after(event),
            irrevocable=self._vault.irrevocable - given_up,
        )
