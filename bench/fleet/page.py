"""The tables of docs/fleet.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Final

from freshkey.core.model.state import Lease
from freshkey.core.pacing.timing import renewal_time

from bench.fleet.figures import (
    EVERYWHERE,
    FRESHKEY,
    HALF,
    HOUR,
    LATE,
    LIMIT,
    TEN_KEYS,
    TTLS,
    VAULT_AGENT,
)
from bench.fleet.freshkey_agent import OPTIONS
from bench.fleet.life import (
    DEPLOYMENT,
    JOURNAL,
    LONG_OUTAGE,
    LONGEST_TTL,
    NO_JOURNAL,
    SHORT_OUTAGE,
    STEADY,
    Figures,
    Setup,
)
from bench.report import table

if TYPE_CHECKING:
    from freshkey.core.model.policy import KeyPolicy

    from bench.fleet.figures import Saved

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "fleet.md"
NEVER: Final = "never"
LEAST: Final = 0.01  # percent, which a table still shows
PARTS: Final = (DEPLOYMENT, STEADY, JOURNAL, NO_JOURNAL, SHORT_OUTAGE)
Cell = Callable[[Figures], str]


def tables(saved: Saved) -> dict[str, str]:
    """Return every table by the name of its markers."""
    return {
        "fleet-steady": _by_ttl(saved, STEADY, LIMIT, _without),
        "fleet-all-have-a-key": _by_ttl(saved, NO_JOURNAL, LIMIT, _all_after),
        "fleet-calls": _by_ttl(saved, NO_JOURNAL, LIMIT, lambda f: f"{f.peak_calls:,}"),
        "fleet-journal": _by_ttl(saved, JOURNAL, LIMIT, _without),
        "fleet-outage": _by_ttl(saved, SHORT_OUTAGE, LIMIT, _without),
        "fleet-given-up": _given_up(saved),
        "fleet-peaks-at-limit": _peaks(saved, LIMIT),
        "fleet-peaks": _peaks(saved, None),
        "fleet-long-outage": _long_outage(saved),
        "fleet-variants": _variants(saved),
        "fleet-capacity": _capacity(),
    }


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 120:  # noqa: PLR2004 - two minutes
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def _ttl(seconds: int) -> str:
    return f"{seconds // HOUR} h" if seconds >= HOUR else f"{seconds // 60} min"


def _by_ttl(saved: Saved, part: str, limit: int | None, cell: Cell) -> str:
    rows = [
        [_ttl(ttl), *(cell(saved.of(Setup(fleet, ttl, limit))[part]) for fleet in EVERYWHERE)]
        for ttl in TTLS
    ]
    return table(["TTL", *(fleet.name for fleet in EVERYWHERE)], rows)


def _without(figures: Figures) -> str:
    share = 100 * figures.without
    return "0" if not share else "< 0.01 %" if share < LEAST else f"{share:.2f} %"


def _all_after(figures: Figures) -> str:
    return NEVER if figures.all_after is None else duration(figures.all_after)


def _given_up(saved: Saved) -> str:
    rows = [
        [
            _ttl(ttl),
            *(
                f"{sum(saved.of(Setup(fleet, ttl, LIMIT))[part].irrevocable for part in PARTS):,}"
                for fleet in EVERYWHERE
            ),
        ]
        for ttl in TTLS
    ]
    return table(["TTL", *(fleet.name for fleet in EVERYWHERE)], rows)


def _peaks(saved: Saved, limit: int | None) -> str:
    """Return mints a minute: how many, the most, and that to their mean, in three parts."""
    rows = []
    for ttl in TTLS:
        for fleet in EVERYWHERE:
            found = saved.of(Setup(fleet, ttl, limit))
            steady = found[STEADY]
            ratios = [_ratio(found[part]) for part in (STEADY, JOURNAL, SHORT_OUTAGE)]
            mints = [f"{steady.mints:.2f}", f"{steady.peak_mints:,}"]
            rows.append([_ttl(ttl), fleet.name, *mints, *ratios])
    head = ["TTL", "fleet", "mints a minute", "at most", "peak to mean", "restarted"]
    return table([*head, "after an outage"], rows)


def _ratio(figures: Figures) -> str:
    return f"{figures.peak_mints / figures.mints:.1f}"


def _long_outage(saved: Saved) -> str:
    rows = []
    for fleet in EVERYWHERE:
        found = saved.of(Setup(fleet, int(LONGEST_TTL), None))[LONG_OUTAGE]
        rows.append([fleet.name, _all_after(found), f"{found.peak_mints:,}"])
    return table(["fleet", "all have a key after", "most mints in a minute"], rows)


def _variants(saved: Saved) -> str:
    setups = [
        *(Setup(fleet, ttl, LIMIT) for ttl in (HOUR, 4 * HOUR) for fleet in (FRESHKEY, LATE)),
        Setup(HALF, 4 * HOUR, LIMIT),
        *(Setup(fleet, 12 * HOUR, limit) for limit in (LIMIT, None) for fleet in _SAME_KEYS),
    ]
    rows = []
    for setup in setups:
        found = saved.of(setup)
        rows.append(
            [
                _ttl(setup.ttl),
                "no limit" if setup.limit is None else f"{setup.limit} calls a minute",
                setup.fleet.name,
                f"{found[STEADY].mints:.1f}",
                _without(found[STEADY]),
                _all_after(found[NO_JOURNAL]),
                f"{sum(found[part].irrevocable for part in PARTS):,}",
            ]
        )
    head = [
        "TTL",
        "OpenAI",
        "fleet",
        "mints a minute",
        "without a key",
        "all have one after",
        "given up",
    ]
    return table(head, rows)


_SAME_KEYS: Final = (FRESHKEY, TEN_KEYS)


def _capacity() -> str:
    """Return how many keys the limit keeps fresh, with one mint for each in its life."""
    rows = []
    for ttl in TTLS:
        lives = [_life(FRESHKEY.rule or OPTIONS, ttl), _life(LATE.rule or OPTIONS, ttl), 0.9 * ttl]
        keys = [LIMIT * life / 60 for life in lives]
        rows.append([_ttl(ttl), *(f"{count:,.0f}" for count in keys), f"{keys[0] / 2:,.0f}"])
    return table(["TTL", FRESHKEY.name, LATE.name, VAULT_AGENT.name, "to plan with"], rows)


def _life(rule: KeyPolicy, ttl: int) -> float:
    """Return the mean time from a mint to the next, as the core draws it: seconds."""
    draws = [(number + 0.5) / _DRAWS for number in range(_DRAWS)]
    leases = (
        Lease("", 1, ttl, renewable=False, started_at=0, expires_at=ttl, draw=d) for d in draws
    )
    return fmean(renewal_time(lease, rule) for lease in leases)


_DRAWS: Final = 100
