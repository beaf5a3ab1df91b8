"""Runs many histories on all processors, and shrinks the first that breaks something."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import active_children, get_context
from typing import TYPE_CHECKING, NamedTuple

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity

from tests.simulation.histories import History, Kind, to_text
from tests.simulation.run import check
from tests.simulation.strategies import histories
from tests.simulation.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

_SHARE = 50  # histories; the same for any number of processes, so that a seed draws the same ones


class Share(NamedTuple):
    """What a share of the histories has come to: figures, and the history that broke, as text."""

    summary: Summary
    broken: str | None


def run_share(count: int, seed: int, *, kinds: Sequence[Kind] = (), shrinks: bool = True) -> Share:
    """Run so many histories, drawn from a seed, with incidents of all kinds or of these."""
    summary, smallest = Summary(), [""]

    def one(history: History) -> None:
        smallest[0] = to_text(history)
        summary.add(check(history))

    drawn = hypothesis.given(histories(tuple(kinds or Kind)))(one)
    drawn = hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate, Phase.shrink] if shrinks else [Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
    )(hypothesis.seed(seed)(drawn))
    try:
        drawn()
    except AssertionError:
        return Share(summary, smallest[0])  # Hypothesis runs the smallest one last
    return Share(summary, None)


def run_all(count: int, seed: int, processes: int) -> Generator[Share]:
    """Run so many histories in processes of their own; yield each share as it ends.

    Whoever wants no more closes it, which ends the processes.
    """
    others = active_children()
    shares = [min(_SHARE, count - begun) for begun in range(0, count, _SHARE)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        futures = [
            pool.submit(run_share, size, seed * 1_000_003 + index)
            for index, size in enumerate(shares)
        ]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:  # closed, too
            pool.shutdown(wait=False, cancel_futures=True)
            for child in set(active_children()).difference(others):  # else they are waited for
                child.terminate()
            raise
