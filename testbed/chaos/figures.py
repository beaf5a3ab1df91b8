"""What a scenario showed of one agent, and what is expected of Freshkey. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MINUTE = 60.0
LEAST_LOOKS = 10
"""A second, of the 50 that a reader makes on an idle machine."""


@dataclass(frozen=True)
class Figures:
    """The readers' looks, OpenAI's keys, and calls a minute; spans are in seconds.

    `exits` counts how often the agent ended by itself, and was started again, `tracebacks` those in
    its log; `abandoned` mints got no answer, as the agent tells: whether they left a key, nobody
    knows until it ends. `note` is what else the scenario has to say.
    """

    seconds: float
    looks: int
    unserved: int
    longest_gap: float
    minted: int
    most_alive: int
    alive_at_end: int
    vault_calls: float
    openai_calls: float
    exits: int
    tracebacks: int = 0
    abandoned: int = 0
    note: str = ""

    @property
    def unserved_share(self) -> float:
        """The share of the looks that found no working key, in percent."""
        return 100 * self.unserved / self.looks if self.looks else 100.0


@dataclass(frozen=True)
class Expectation:
    """Bounds for Freshkey. A gap of 0 allows no look without a working key.

    `abandoned` bounds mints without an answer. Their keys come on top of those that may be alive,
    unless `abandoned_are_keys` says that no such mint reached Vault.
    """

    longest_gap: float = 0.0
    most_alive: int = 2
    alive_at_end: int = 1
    vault_calls: float = 90.0
    openai_calls: float = 30.0
    exits: int = 0
    abandoned: int = 0
    abandoned_are_keys: bool = True

    def violations(self, scenario: str, figures: Figures) -> Iterator[str]:
        """Say which figures are beyond their bound, a line each."""
        if figures.looks < figures.seconds * LEAST_LOOKS:
            yield f"{scenario}: {figures.looks} looks in {figures.seconds:.0f} s are too few"
        lost = min(figures.abandoned, self.abandoned) if self.abandoned_are_keys else 0
        for name in (
            *("longest_gap", "most_alive", "alive_at_end"),
            *("vault_calls", "openai_calls", "abandoned"),
        ):
            measured, bound = getattr(figures, name), getattr(self, name)
            bound += lost if name in ("most_alive", "alive_at_end") else 0
            if measured > bound:
                words = name.replace("_", " ")
                yield f"{scenario}: {words}: {measured:.4g}, where {bound:g} is the bound"
        if figures.exits > self.exits:
            yield f"{scenario}: it ended by itself {figures.exits} times"
        if figures.tracebacks:
            yield f"{scenario}: {figures.tracebacks} tracebacks in its log"


def gaps(looks: Sequence[tuple[float, bool]]) -> Iterator[float]:
    """Return the spans without a working key: from the first look that found none to the next good.

    One that lasts to the end ends with the last look.
    """
    began: float | None = None
    for at, works in looks:
        if not works and began is None:
            began = at
        if works and began is not None:
            yield at - began
            began = None
    if began is not None:
        yield looks[-1][0] - began


def longest_gap(looks: Sequence[tuple[float, bool]]) -> float:
    """Return the longest of them, 0 when there is none; a single bad look counts, too."""
    return max((max(gap, 0.001) for gap in gaps(looks)), default=0.0)
