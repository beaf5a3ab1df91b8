"""The table of docs/reliability.md: a line for each scenario, both agents in each cell."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from testbed.chaos.figures import Figures
from testbed.chaos.run import Results
from testbed.chaos.scenarios import SCENARIOS
from testbed.chaos.subjects import Subject
from testbed.results import put, table

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
TENTH: Final = 0.1
"""Of a percent, and of a second: what is shown of a share and a gap, at least."""


def unserved(figures: Figures) -> str:
    """Say for how long readers were without a working key."""
    if not figures.unserved:
        return "0"
    digits = 1 if figures.longest_gap >= TENTH else 2
    share = max(figures.unserved_share, TENTH)
    return f"{share:.1f} % ({figures.longest_gap:.{digits}f} s)"


def alive_at_most(figures: Figures) -> str:
    """Say how many keys were alive, and how many of them may be those of abandoned mints."""
    abandoned = f" ({figures.abandoned} abandoned)" if figures.abandoned else ""
    return f"{figures.most_alive}{abandoned}"


COLUMNS: Final[Mapping[str, Callable[[Figures], str]]] = {
    "without a working key (longest)": unserved,
    "minted": lambda figures: str(figures.minted),
    "alive at most": alive_at_most,
    "alive at the end": lambda figures: str(figures.alive_at_end),
    "calls a minute: Vault": lambda figures: f"{figures.vault_calls:.0f}",
    "OpenAI": lambda figures: f"{figures.openai_calls:.0f}",
}


def chaos_table(found: Mapping[str, Results], subjects: Sequence[Subject]) -> str:
    """Return the table, a line for each scenario that was run."""
    names = [subject.name for subject in subjects]
    rows = [
        [
            _action(name, [results[n] for n in names]),
            *(" · ".join(cell(results[n]) for n in names) for cell in COLUMNS.values()),
        ]
        for name, results in found.items()
    ]
    return table([f"{' · '.join(names)}, while", *COLUMNS], rows)


def _action(name: str, figures: Sequence[Figures]) -> str:
    notes = [f.note for f in figures if f.note]
    return SCENARIOS[name].action + (f" ({' · '.join(notes)})" if notes else "")


def summary(name: str, results: Results) -> str:
    """Say in a line what a scenario showed."""
    parts = (
        f"{subject}: {unserved(figures)} without a key, {figures.minted} minted, "
        f"{figures.most_alive}/{figures.alive_at_end} alive, calls "
        f"{figures.vault_calls:.0f}/{figures.openai_calls:.0f}"
        + (f", {figures.note}" if figures.note else "")
        + (f", ended {figures.exits} times" if figures.exits else "")
        for subject, figures in results.items()
    )
    return f"{name}: {'; '.join(parts)}"


def write(found: Mapping[str, Results], subjects: Sequence[Subject]) -> None:
    """Put the table into the page."""
    put(PAGE, "chaos", chaos_table(found, subjects))
