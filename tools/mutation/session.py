"""The tests, collected once: every mutant meets those that reach it, in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.mutation.applying import apply, import_with
from tools.mutation.choice import CORE
from tools.mutation.selection import LATE, fails, measure
from tools.mutation.workers import Job, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tools.mutation.mutants import Mutant
    from tools.mutation.selection import Reach
    from tools.mutation.workers import Outcome

_QUIET = ("-qq", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-cov")
_IMPORTING = 60.0  # seconds of processor time for all tests, those of properties included


def meet_at_import(
    mutants: Sequence[Mutant], tests: Sequence[str], processes: int, *, quick: bool
) -> Iterator[Outcome]:
    """Run all tests for each mutant that is there as soon as its module is imported.

    Raises RuntimeError if they fail without a mutant, or can't be run.
    """
    if not mutants:
        return
    stages = [f"not {LATE}"] if quick else [f"not {LATE}", LATE]

    def job(mutant: Mutant) -> Job:
        return Job(mutant.name, lambda: _imported(mutant, tests, used), _IMPORTING)

    (alone,) = run([Job("without a mutant", lambda: _without(tests, stages), _IMPORTING)], 1)
    if alone.found is None:
        raise RuntimeError("without a mutant, the tests do not end by themselves")
    used = alone.found.splitlines()
    yield from run(map(job, mutants), processes)


def _without(tests: Sequence[str], stages: Sequence[str]) -> str:
    """Return the stages that have tests, a line each. Raises RuntimeError if one fails."""
    statuses = {stage: _status(tests, stage) for stage in stages}
    used = [
        stage for stage, status in statuses.items() if status != pytest.ExitCode.NO_TESTS_COLLECTED
    ]
    if not used or any(statuses[stage] != pytest.ExitCode.OK for stage in used):
        raise RuntimeError(f"without a mutant, pytest ends with {[*statuses.values()]}")
    return "\n".join(used)


def _imported(mutant: Mutant, tests: Sequence[str], stages: Sequence[str]) -> str:
    import_with(mutant)
    return "" if all(passes(_status(tests, stage)) for stage in stages) else "a test"


def passes(status: int) -> bool:
    """Say what an exit status of pytest means. Raises RuntimeError if the tests were not run.

    Interrupted is what a module is that can't be imported, as mutants can do.
    https://docs.pytest.org/en/stable/reference/exit-codes.html
    """
    if status not in {
        pytest.ExitCode.OK,
        pytest.ExitCode.TESTS_FAILED,
        pytest.ExitCode.INTERRUPTED,
    }:
        raise RuntimeError(f"pytest ended with {status}")
    return status == pytest.ExitCode.OK


def _status(tests: Sequence[str], stage: str) -> int:
    return int(pytest.main([*_QUIET, "-x", "-m", stage, *tests]))


class Session:
    """A plugin of pytest: does not run the tests, but meets mutants with them."""

    def __init__(
        self,
        mutants: Sequence[Mutant],
        killers: dict[str, str],
        processes: int,
        tell: Callable[[Outcome], None],
        *,
        quick: bool,
    ) -> None:
        self._mutants = mutants
        self._killers = killers
        self._processes = processes
        self._tell = tell
        self._quick = quick

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Let every mutant meet its tests."""
        items = {item.nodeid: item for item in session.items}
        late = [n for n, item in items.items() if item.get_closest_marker(LATE) is not None]
        kept = [item for name, item in items.items() if name not in set(late) or not self._quick]
        reach = measure(kept, CORE)
        recent: dict[str, list[str]] = {}  # what killed others of the same scope comes first
        jobs = (
            self._job(m, reach, items, [] if self._quick else late, recent) for m in self._mutants
        )
        scopes = {mutant.name: f"{mutant.path} {mutant.scope}" for mutant in self._mutants}
        for outcome in run(jobs, self._processes):
            if outcome.found:
                recent.setdefault(scopes[outcome.name], []).insert(0, outcome.found)
            self._tell(outcome)
        return True

    def _job(
        self,
        mutant: Mutant,
        reach: Reach,
        items: dict[str, pytest.Item],
        late: list[str],
        recent: dict[str, list[str]],
    ) -> Job:
        names = reach.of(mutant)
        reaching = {*names, *late}
        known = [
            self._killers.get(mutant.name, ""),
            *recent.get(f"{mutant.path} {mutant.scope}", []),
        ]
        names = list(dict.fromkeys([*(n for n in known if n in reaching), *names, *late]))

        def work() -> str:
            apply(mutant)
            return next((n for n in names if fails(items[n], reach.seconds[n])), "")

        return Job(mutant.name, work, sum(reach.seconds[name] for name in names))


def meet(session: Session, tests: Sequence[str]) -> None:
    """Collect the tests, and let mutants meet them. Raises RuntimeError if that can't be done."""
    status = int(pytest.main([*_QUIET, *tests], plugins=[session]))
    if status != pytest.ExitCode.OK:
        raise RuntimeError(f"pytest ended with {status}")
