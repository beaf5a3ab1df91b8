"""Mutation testing of the core: `python -m tools.mutation [--only MODULE …]`, from the repository.

Each mutant is the code with one change that a test should notice. A survivor has to be on the
list of those that make no difference, with the reason; otherwise it ends with status 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tools.mutation.choice import changed_since, mutants_of
from tools.mutation.record import Found, argued, named
from tools.mutation.session import Session, meet, meet_at_import

if TYPE_CHECKING:
    from tools.mutation.mutants import Mutant
    from tools.mutation.workers import Outcome

TESTS = ("tests/core",)
FOUND = Path(".mutation/found.jsonl")


def main() -> int:
    """Let mutants meet the tests, and report the survivors."""
    arguments = _arguments()
    found, reasons = Found(arguments.found), argued()
    try:
        chosen = mutants_of(arguments.only)
    except ValueError as error:
        sys.exit(f"mutation: {error}")
    if arguments.since is not None:
        chosen = changed_since(arguments.since, chosen)
    if arguments.survivors:
        chosen = [m for m in chosen if found.survived(m.name) and named(m) not in reasons]
    outcomes: dict[str, str | None] = {}

    def tell(outcome: Outcome) -> None:
        found.note(outcome)
        outcomes[outcome.name] = outcome.found
        if outcome.found == "":
            print(f"survived: {outcome.name}", flush=True)

    calling = [mutant for mutant in chosen if not mutant.at_import]
    importing = [mutant for mutant in chosen if mutant.at_import]
    for outcome in meet_at_import(
        importing, arguments.tests, arguments.processes, quick=arguments.quick
    ):
        tell(outcome)
    if calling:
        session = Session(calling, found.killers, arguments.processes, tell, quick=arguments.quick)
        meet(session, arguments.tests)
    return report(chosen, outcomes)


def report(chosen: list[Mutant], outcomes: dict[str, str | None]) -> int:
    """Print what came of the mutants, and return the exit status."""
    reasons = argued()
    survived = [mutant for mutant in chosen if outcomes[mutant.name] == ""]
    unexplained = [mutant for mutant in survived if named(mutant) not in reasons]
    killed = [m for m in chosen if named(m) in reasons and outcomes[m.name] != ""]
    print(
        f"{len(chosen)} mutants: {len(chosen) - len(survived)} killed, {len(survived)} survived, "
        f"of which {len(survived) - len(unexplained)} make no difference"
    )
    for mutant in unexplained:
        print(f"no test notices: {mutant}")
    for mutant in killed:
        print(f"is said to make no difference, and a test notices: {mutant}")
    return 1 if unexplained or killed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.mutation", description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="modules, such as keys/renewal.py")
    parser.add_argument("--since", help="a commit: only lines that have changed since then")
    parser.add_argument("--survivors", action="store_true", help="those of earlier runs only")
    parser.add_argument("--quick", action="store_true", help="without the tests of properties")
    parser.add_argument("--tests", nargs="*", default=TESTS)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--found", type=Path, default=FOUND, help="where the outcomes are kept")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
