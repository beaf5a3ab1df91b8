"""`python -m tests.simulation --histories 500`: simulates histories, and tells what broke."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time
from contextlib import closing
from pathlib import Path

from tests.simulation.broken import BrokenError
from tests.simulation.campaign import run_all
from tests.simulation.histories import from_text
from tests.simulation.run import check
from tests.simulation.story import tell
from tests.simulation.summary import Summary

_STORIES = Path(".simulation")


def main() -> int:
    """Simulate or replay; return the exit status: 1 when something broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--histories", type=int, default=500, help="how many to draw (%(default)s)")
    parser.add_argument(
        "--seed", type=int, help="what to draw them from; default: another each time"
    )
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--replay", metavar="HISTORY", help="runs one history, and tells its story")
    arguments = parser.parse_args()
    if arguments.replay is not None:
        return replay(arguments.replay)
    seed = secrets.randbelow(1 << 32) if arguments.seed is None else arguments.seed
    return simulate(arguments.histories, seed, arguments.processes)


def simulate(histories: int, seed: int, processes: int) -> int:
    """Run them, and print what they come to."""
    began, summary, broken = time.monotonic(), Summary(), None
    print(f"seed:               {seed}", flush=True)
    with closing(run_all(histories, seed, processes)) as shares:
        for share in shares:
            summary.merge(share.summary)
            broken = share.broken
            if broken is not None:
                break
            print(f"{summary.histories} histories", file=sys.stderr, flush=True)
    print(*summary.lines(), sep="\n")
    if broken is not None:
        _STORIES.mkdir(exist_ok=True)
        (_STORIES / "broken.json").write_text(broken)
        return replay(broken)
    print("violations:         0")
    print(f"took:               {time.monotonic() - began:.0f} s with {processes} processes")
    return 0


def replay(text: str) -> int:
    """Run one history, and print its story."""
    history, story = from_text(text), list[str]()
    try:
        check(history, story)
    except BrokenError as error:
        print(tell(history, story, str(error)))
        return 1
    print(tell(history, story, "nothing").replace("BROKEN  nothing", "Nothing broke."))
    return 0


if __name__ == "__main__":
    sys.exit(main())
