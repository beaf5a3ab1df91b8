"""Many keys in one agent: how soon all are published, and what each costs.

Vault and OpenAI's emulator run beside it, and have more to do than the agent.
"""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from bench.answer import Answer
from bench.program import Program
from bench.report import Goal, spread, table
from bench.start import clear

if TYPE_CHECKING:
    from bench.deployment import Deployment
    from bench.program import Command

_SETTLED: Final = 2.0  # seconds from the last key file to what is called rest
_LIST: Final = b"GET /v1/keys HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


COUNTS: Final = (1, 50, 200)
SLOWEST: Final = 3.0  # seconds from the start until all are published
SLOWEST_RESTART: Final = 0.5  # seconds until all are served
LARGEST: Final = 10.0  # MiB more than for one key
STEEPEST: Final = 2.0  # times as much written for a key of 200 as for one of 50


@dataclass(frozen=True)
class Found:
    """What so many keys took: milliseconds, MiB resident at rest, KiB written before the last."""

    keys: int
    start: float
    restart: float
    memory: float
    written: float


def measure(deployment: Deployment, programs: Path, rounds: int) -> list[list[Found]]:
    """Start agents of many keys, in turns; return what each of COUNTS found."""
    agents = [ManyKeys(deployment, programs, count) for count in COUNTS]
    found = [[agent.measure() for agent in agents] for _ in range(rounds)]
    return [list(of_one) for of_one in zip(*found, strict=True)]


def keys_table(found: list[list[Found]]) -> str:
    """Return a table, a line for each number of keys."""
    head = ["keys", "start to all files", "restart to all served", "resident", "written for a key"]
    rows = [
        [
            f"{of_one[0].keys}",
            f"{spread([f.start for f in of_one])} ms",
            f"{spread([f.restart for f in of_one])} ms",
            f"{median(f.memory for f in of_one):.1f} MiB",
            f"{median(f.written / f.keys for f in of_one):.0f} KiB",
        ]
        for of_one in found
    ]
    return table(head, rows)


def keys_goals(found: list[list[Found]]) -> list[Goal]:
    """Return what has to hold of 200."""
    one, fifty, many = found
    count = many[0].keys
    more = [m.memory - o.memory for m, o in zip(many, one, strict=True)]
    steeper = [m.written / m.keys / (f.written / f.keys) for m, f in zip(many, fifty, strict=True)]
    starts, restarts = [f.start / 1e3 for f in many], [f.restart / 1e3 for f in many]
    return [
        Goal(f"{count} keys: seconds from the start to all files", starts, at_most=SLOWEST),
        Goal(f"{count} keys: seconds of a restart", restarts, at_most=SLOWEST_RESTART),
        Goal(f"{count} keys: MiB more than one key", more, at_most=LARGEST),
        Goal(f"written for a key of {count}, to one of 50", steeper, at_most=STEEPEST),
    ]


class ManyKeys:
    """An agent of `count` keys, which starts again and again."""

    def __init__(self, deployment: Deployment, programs: Path, count: int) -> None:
        self._count = count
        unlimited = "max_mints_per_minute = 0"
        self._directory = deployment.freshkey(f"of-{count}", vault=unlimited, keys=count)
        config = f"--config={self._directory / 'config.toml'}"
        self._command: Command = [programs / "freshkey", "run", config]

    def measure(self) -> Found:
        """Start it without a journal, kill it, and start it with one."""
        clear(self._directory)
        with Program(self._command, self._directory / "log") as program:
            start = program.until(self._all_written)
            written = _written(program.pid)
            time.sleep(_SETTLED)
            memory = program.memory() / 1024
        with Program(self._command, self._directory / "log") as program:
            restart = program.until(self._all_served)
        return Found(self._count, start.took, restart.took, memory, written)

    def _all_written(self) -> bool:
        keys = self._directory / "keys"
        return keys.is_dir() and len(list(keys.glob("[!.]*"))) == self._count

    def _all_served(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(str(self._directory / "freshkey.sock"))
                sock.sendall(_LIST)
                data = b"".join(iter(lambda: sock.recv(1 << 20), b""))
        except OSError:
            return False
        listed = json.loads(Answer.read(data).body)
        return [key["state"] for key in listed] == ["fresh"] * self._count


def _written(pid: int) -> float:
    """KiB that a process has given to the kernel (`wchar` in proc(5)): files, log, requests."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    fields = dict(line.split(": ") for line in lines)
    return int(fields["wchar"]) / 1024
