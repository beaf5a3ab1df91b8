"""All fleets and situations that are simulated, and the figures that are saved of them."""

from __future__ import annotations

import dataclasses
import json
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from freshkey.core.model.struct import replace

from bench.fleet.freshkey_agent import OPTIONS
from bench.fleet.life import Figures, Fleet, Found, Setup, live

SAVED: Final = Path(__file__).with_name("figures.json")
HOUR: Final = 3600
TTLS: Final = (HOUR // 4, HOUR, 4 * HOUR, 12 * HOUR, 24 * HOUR)
LIMIT: Final = 10

FRESHKEY: Final = Fleet("Freshkey", 1000)
VAULT_AGENT: Final = Fleet("Vault Agent", 1000, rule=None)
NODES_OF_20: Final = Fleet("one agent for 20 applications", 50)
NODES_OF_50: Final = Fleet("one agent for 50 applications", 20)
LATE: Final = Fleet("renew_at = 0.9", 1000, rule=replace(OPTIONS, renew_at=0.9, jitter=0.1))
HALF: Final = Fleet("680 agents", 680)  # half of what the limit takes at a TTL of 4 h
TEN_KEYS: Final = Fleet("100 agents of ten keys", 100, keys_each=10)

EVERYWHERE: Final = (FRESHKEY, VAULT_AGENT, NODES_OF_20, NODES_OF_50)
SETUPS: Final = (
    *(Setup(fleet, ttl, limit) for limit in (LIMIT, None) for ttl in TTLS for fleet in EVERYWHERE),
    *(Setup(LATE, ttl, LIMIT) for ttl in (HOUR, 4 * HOUR)),
    Setup(HALF, 4 * HOUR, LIMIT),
    *(Setup(TEN_KEYS, 12 * HOUR, limit) for limit in (LIMIT, None)),
)
DEPLOYED: Final = tuple(Setup(fleet, HOUR, None) for fleet in (FRESHKEY, VAULT_AGENT, NODES_OF_20))
"""Of these the mints of each minute are saved."""
RESTARTED: Final = tuple(
    Setup(fleet, 12 * HOUR, LIMIT) for fleet in (VAULT_AGENT, FRESHKEY, NODES_OF_20)
)
"""Of these it is saved how many had no key in each minute after the restart without a journal."""

Figure = dict[str, Figures]


@dataclass(frozen=True)
class Saved:
    """Figures by setup and part, and curves by fleet."""

    figures: dict[str, Figure]
    mints: dict[str, list[int]]
    without: dict[str, list[int]]

    def of(self, setup: Setup) -> Figure:
        """Return what was found of one."""
        return self.figures[name_of(setup)]


def name_of(setup: Setup) -> str:
    """Return how a setup is called among the figures."""
    limit = "no limit" if setup.limit is None else f"{setup.limit} calls a minute"
    return f"{setup.fleet.name}, {setup.ttl} s, {limit}"


def simulate() -> Saved:
    """Simulate all, on all processors; nothing in it depends on how fast they are."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        longest_first = sorted(SETUPS, key=lambda setup: (setup.ttl, -setup.fleet.agents))
        found = dict(zip(longest_first, pool.map(live, longest_first), strict=True))
    return rounded(found)


def rounded(found: dict[Setup, Found]) -> Saved:
    """Return what is saved, the numbers rounded as they are shown."""
    return Saved(
        {name_of(s): {part: _rounded(f) for part, f in found[s].figures.items()} for s in found},
        {setup.fleet.name: found[setup].mints for setup in DEPLOYED if setup in found},
        {setup.fleet.name: found[setup].without for setup in RESTARTED if setup in found},
    )


def save(saved: Saved) -> None:
    """Write SAVED."""
    SAVED.write_text(json.dumps(asdict(saved), indent=1, sort_keys=True) + "\n")


def load() -> Saved:
    """Read SAVED."""
    raw = json.loads(SAVED.read_text())
    figures = {
        name: {part: Figures(**values) for part, values in parts.items()}
        for name, parts in raw["figures"].items()
    }
    return Saved(figures, raw["mints"], raw["without"])


def _rounded(figures: Figures) -> Figures:
    after = figures.all_after
    return dataclasses.replace(
        figures,
        mints=round(figures.mints, 4),  # some fleets mint one in an hour
        calls=round(figures.calls, 2),
        without=round(figures.without, 5),
        longest=round(figures.longest, 1),
        all_after=None if after is None else round(after, 1),
    )
