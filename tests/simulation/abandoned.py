"""2. A person has to know of a key that nobody can end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.simulation.broken import BrokenError
from tests.simulation.clocks import BOOT_AT

if TYPE_CHECKING:
    from tests.simulation.run import Outcome
    from tests.simulation.world import World

_UNTOLD: Final = 120.0  # seconds at the end: another agent has to start, and to tell
_ROUNDING: Final = 1e-6  # seconds


def abandoned_mints_are_told(outcome: Outcome) -> None:
    """Look for an event of its key's after each mint that was abandoned, one for each of them."""
    world = outcome.world
    if world.history.seconds - _UNTOLD < outcome.lives.last_kill or world.old_journals:
        return
    told = [(key, at) for at, event, key in world.told if event == "mint.abandoned"]
    for name, made_at in sorted(_abandoned(world), key=lambda mint: mint[1], reverse=True):
        after = [at for key, at in told if key == name and at >= made_at - _ROUNDING]
        if not after:
            what = f"a mint of {name} was abandoned at {made_at:.3f}, and nobody told of it"
            raise BrokenError(2, what)
        told.remove((name, max(after)))


def _abandoned(world: World) -> list[tuple[str, float]]:
    """List the keys and times of mints that nobody was told the outcome of."""
    accounts = [world.openai.accounts[name] for name in world.lost]
    return [(account.role.partition("-")[0], account.made_at - BOOT_AT) for account in accounts]
