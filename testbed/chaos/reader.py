"""An application: looks every 20 ms whether the key in a file works: `FILE PORT RECORD`.

It runs until it is ended, and writes a line for each look: the instant (CLOCK_MONOTONIC), and what
it found. A process of its own, so that nothing else of the run delays it.
"""

import sys
import time
from pathlib import Path
from typing import Final

from testbed.key_check import KeyCheck, Outcome

EVERY: Final = 0.02
"""Seconds."""


def read(record: Path) -> list[tuple[float, bool]]:
    """Return the looks of a record: when, and whether there was a working key."""
    lines = record.read_text().splitlines(keepends=True)
    looks = (line.split() for line in lines if line.endswith("\n"))
    return [(float(at), outcome == Outcome.WORKS) for at, outcome in looks]


def main() -> None:
    """Look again and again."""
    path, port, record = sys.argv[1:]
    check = KeyCheck(Path(path), int(port))
    with Path(record).open("w", buffering=1) as lines:
        due = time.monotonic()
        while True:
            at = time.monotonic()
            print(f"{at:.4f} {check.look()}", file=lines)
            # What a busy machine has delayed is not caught up with: the next look is 20 ms later.
            due = max(due + EVERY, time.monotonic())
            time.sleep(due - time.monotonic() if due > time.monotonic() else 0)


if __name__ == "__main__":
    main()
