"""2. What the last agent has left alive is in its journal, where the next one finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.simulation.bounds import longest_lease
from tests.simulation.broken import BrokenError
from tests.simulation.remembered import is_remembered, last_ledger, unknown_tokens
from tests.simulation.windows import clusters

if TYPE_CHECKING:
    from tests.simulation.agent import Lives
    from tests.simulation.world import World

_LATE: Final = 30.0  # seconds: a token that ends so soon need not be kept, whatever it was told
_CALM: Final = 60.0  # seconds without an incident, in which a stop can revoke all


def look_at_the_last_journal(world: World, lives: Lives) -> None:
    """Look for each lease that is alive, after the last agent has ended in order.

    A lease of which nobody was told may be alive for its time, and so may one that was forgotten: a
    full disk keeps a journal as it was, and an agent that begins with that does not know of all.
    """
    is_quiet = _has_been_quiet(world, lives)
    if lives.was_killed or (world.old_journals and not is_quiet):
        return
    alive = [
        lease
        for lease in world.vault.leases.values()
        if (is_quiet or lease.account not in world.lost) and world.is_good_for_a_while(lease)
    ]
    ledger = last_ledger(world)
    if ledger is None:
        if not world.was_disk_full(world.elapsed):
            raise BrokenError(2, "the last agent has left no journal")
        return
    for value in unknown_tokens(world, ledger) - world.lost_tokens:
        token = world.vault.tokens[value]
        if not token.batch and world.now < token.told_until - _LATE:
            raise BrokenError(2, f"the last journal does not have the token {token.accessor}")
    for lease in alive:
        if not is_remembered(lease, ledger):
            raise BrokenError(2, f"the last journal does not have the lease {lease.id}")
    revokes = all(plan.on_stop == "revoke" for plan in lives.plans.values())
    if alive and revokes and not _is_disturbed(world, lives):
        raise BrokenError(2, f"the last agent was to revoke all, and left the lease {alive[0].id}")


def _has_been_quiet(world: World, lives: Lives) -> bool:
    """Whether the last incident, or start, was so long ago that leases from before it are over."""
    ends = [one.at + one.seconds for one in world.past]
    ends += [down.ended for down in lives.downs]
    ends += world.reloads
    since = (lives.stopped_at or 0.0) - max(ends, default=0.0)
    return since >= 2 * longest_lease(world.history)


def _is_disturbed(world: World, lives: Lives) -> bool:
    """Whether a fault may have kept the stop from revoking all."""
    stopped_at = lives.stopped_at or 0.0
    windows = clusters(world.as_it_was, lives.downs)
    ends = [*(one.at + one.seconds for one in world.past), *world.reloads]
    is_calm = all(end < stopped_at - _CALM for end in ends)
    return not is_calm or any(window.recovered >= stopped_at for window in windows)
