"""What it costs an agent that one node of Vault's is down, of several that answer for each other.

A node that refuses, or is sealed, costs nothing while another one answers: it is asked at once. One
that hangs costs each call that is under way as it begins, and one that finds it later: as the first
node of an agent that starts, or because the node that was asked last has failed, too.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tests.simulation.histories import WINDOWS, History, Kind, NodeFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.simulation.agent import Down

_CALL: Final = 65.0  # seconds that the longest call may take, a mint (`vault.timeout`)


def all_down(history: History) -> Iterator[tuple[float, float]]:
    """List the times in which no node answers."""
    edges = sorted({edge for one in _nodes_down(history) for edge in one})
    for began, ended in pairwise(edges):
        if all(_is_down(history, node, began) for node in range(history.nodes)):
            yield began, ended


def lost_calls(history: History, downs: Iterable[Down]) -> Iterator[tuple[float, float]]:
    """List the times in which calls may wait for nodes that hang."""
    moments = {down.ended for down in downs}
    for one in history.incidents:
        if one.kind in WINDOWS or one.kind is Kind.SUSPENDED:
            moments |= {one.at, one.at + one.seconds}
    for at in sorted(moments):
        hanging = sum(
            history.down(node, NodeFault.FROZEN, at) is not None for node in range(history.nodes)
        )
        if hanging:
            yield at, at + hanging * _CALL


def _nodes_down(history: History) -> Iterator[tuple[float, float]]:
    for one in history.incidents:
        if one.kind is Kind.NODE_DOWN and history.nodes > 1:
            yield one.at, one.at + one.seconds


def _is_down(history: History, node: int, at: float) -> bool:
    return any(history.down(node, fault, at) for fault in NodeFault)
