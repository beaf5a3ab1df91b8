"""Which tests reach which line, and how long each takes: one run of all tests tells."""

from __future__ import annotations

import pickle
import signal
import time
from collections import defaultdict
from math import inf
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, NamedTuple

import coverage
from _pytest.runner import runtestprotocol

from tools.mutation.workers import Job, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from tools.mutation.mutants import Mutant

LATE = "no_cover"  # marks tests that go everywhere, and take long: they are run last, untraced


_LONGER = 5
_GRACE = 2.0  # seconds


class Reach(NamedTuple):
    """By file and line the tests that come there, and by test its seconds."""

    tests: dict[tuple[str, int], set[str]]
    seconds: dict[str, float]

    def of(self, mutant: Mutant) -> list[str]:
        """Return the tests that can notice a mutant, the fastest first."""
        lines = range(mutant.line, mutant.last + 1)
        reaching = set().union(*(self.tests.get((mutant.path, line), set()) for line in lines))
        return sorted(reaching, key=lambda name: (self.seconds[name], name))


def fails(item: pytest.Item, seconds: float = inf) -> bool:
    """Run a test, and say whether it fails.

    One that takes much longer than it did, in `seconds` of processor time, ends the process.
    """
    if seconds < inf:
        signal.setitimer(signal.ITIMER_PROF, _LONGER * seconds + _GRACE)
    return any(report.failed for report in runtestprotocol(item, log=False))


def measure(items: Sequence[pytest.Item], directory: Path) -> Reach:
    """Run tests in a process of their own. Raises RuntimeError if one fails."""
    with NamedTemporaryFile() as file:
        job = Job("without a mutant", lambda: _traced(items, directory, file.name), 3600.0)
        (outcome,) = run([job], 1)
        if outcome.found != "":
            message = f"without a mutant, a test fails: {outcome.found}"
            raise RuntimeError(message)
        reach: Reach = pickle.load(file)  # noqa: S301 - our own
    return reach


def _traced(items: Sequence[pytest.Item], directory: Path, into: str) -> str:
    tracer = coverage.Coverage(data_file=None, include=[f"{directory}/*"], config_file=False)
    seconds = {}
    for item in items:
        late = item.get_closest_marker(LATE) is not None
        began = time.process_time()
        if not late:
            tracer.start()
            tracer.switch_context(item.nodeid)
        failed = fails(item)
        tracer.stop()
        seconds[item.nodeid] = time.process_time() - began
        if failed:
            return item.nodeid
    tests: dict[tuple[str, int], set[str]] = defaultdict(set)
    data = tracer.get_data()
    for name in data.measured_files():
        relative = str(Path(name).relative_to(Path.cwd()))
        for line, contexts in data.contexts_by_lineno(name).items():
            tests[relative, line].update(context for context in contexts if context in seconds)
    with Path(into).open("wb") as file:
        pickle.dump(Reach(dict(tests), seconds), file)
    return ""
