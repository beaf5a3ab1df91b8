"""When calls fail because nodes of Vault are down, of several that answer for each other.

A node that refuses, or is sealed, costs nothing while another one answers: it is asked at once. One
that hangs costs each call that is under way as it begins, and one that finds it later: as the first
node of an agent that starts, or because the node that was asked last has failed, too.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tests.simulation.histories import History, Kind, NodeFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.simulation.agent import Down

_LONGEST_CALL: Final = 65.0  # seconds that a mint may take (`vault.timeout`)
_MOVES_ON: Final = frozenset(
    {
        *(Kind.NODE_DOWN, Kind.SUSPENDED),
        *(Kind.VAULT_REFUSED, Kind.VAULT_FROZEN, Kind.VAULT_SEALED, Kind.VAULT_GATEWAY),
        *(Kind.VAULT_FAILING, Kind.VAULT_THROTTLED, Kind.VAULT_GARBLED, Kind.VAULT_LOST),
        Kind.VAULT_SLOW,
    }
)
"""What may have an agent ask another node than before: calls fail, or are not answered in time."""


def all_down(history: History) -> Iterator[tuple[float, float]]:
    """List the times in which no node answers."""
    windows = [one for one in history.incidents if one.kind is Kind.NODE_DOWN]
    edges = sorted({edge for one in windows for edge in (one.at, one.at + one.seconds)})
    for began, ended in pairwise(edges):
        if all(_is_down(history, node, began) for node in range(history.nodes)):
            yield began, ended


def lost_calls(history: History, downs: Iterable[Down]) -> Iterator[tuple[float, float]]:
    """List the times in which calls may wait for nodes that hang."""
    moments = {down.ended for down in downs}
    for one in history.incidents:
        if one.kind in _MOVES_ON:
            moments |= {one.at, one.at + one.seconds}
    for at in sorted(moments):
        hanging = sum(
            history.down(node, NodeFault.FROZEN, at) is not None for node in range(history.nodes)
        )
        if hanging:
            yield at, at + hanging * _LONGEST_CALL


def _is_down(history: History, node: int, at: float) -> bool:
    return any(history.down(node, fault, at) for fault in NodeFault)
