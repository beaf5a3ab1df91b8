"""2. A token that nobody needs must not live on: it opens what the agent may open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.simulation.bounds import longest_lease, replacement
from tests.simulation.broken import BrokenError
from tests.simulation.histories import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.world import World

_REVOKED: Final = 30.0  # seconds: no call that goes well takes longer, nor does its turn come later


class TokenWatch:
    """Looked at with every change; `settled_at` says from when on no fault excuses it."""

    def __init__(self, world: World, settled_at: Callable[[float], float]) -> None:
        self._world = world
        self._settled_at = settled_at
        self._idle_since: dict[str, float] = {}

    def look(self) -> None:
        """Time each token that was replaced by another one, and has no lease under it."""
        world = self._world
        alive = [token for token in world.vault.tokens if token not in world.lost_tokens]
        used = {lease.token for lease in world.vault.leases.values()}
        idle = [token for token in alive[:-1] if token not in used]
        self._idle_since = {
            token: self._idle_since.get(token, world.elapsed)
            for token in idle
            if not world.vault.tokens[token].batch  # which can't be revoked
        }
        most = _REVOKED + 2 * replacement(world.history)
        for since in self._idle_since.values():
            if world.elapsed - self._settled_at(since) > most + self._overlap(since):
                what = "a token that was replaced, and has no lease, lives"
                raise BrokenError(2, f"{what} from {since:.3f} to {world.elapsed:.3f}")

    def _overlap(self, since: float) -> float:
        """Return how long a lease is kept that somebody else may have revoked unnoticed."""
        history = self._world.history
        is_revoked = any(
            one.kind is Kind.LEASE_REVOKED and since - longest_lease(history) <= one.at <= since
            for one in self._world.past
        )
        return max(plan.overlap for plan in history.keys) if is_revoked else 0.0
