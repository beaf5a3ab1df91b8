"""Measures what hostile clients cost a polite one, and the server.

    python -m bench.bad_peers [--seconds 4] [--write] [ATTACK …]

The server is a part of the agent: what serves the socket, without audit. Server, attacker, and the
polite client are a process each. The polite one asks over a connection that it keeps and, as root,
where it can be another user than the attackers, over a new one each time. The first half of an
attack warms up; the second is measured, so that memory which grows with every attack shows, and
memory which is kept for the next one does not.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.answer import ask
from bench.attacks.catalogue import ATTACKS
from bench.attacks.requests import GET
from bench.program import Program
from bench.report import WRITE_HELP, table, write

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from bench.attacks.catalogue import Attack

_PAUSE: Final = 0.002  # seconds between two requests of the polite client
_SETTLING: Final = 0.3  # seconds, until the server has seen the last of an attack
_POLITE_UID: Final = 12345
_ROTATE_EVERY: Final = "0.25"  # seconds
HEAD: Final = [
    "attack",
    "answers",
    "p99",
    "longest",
    "longest, new connection",
    "KiB before",
    "KiB after",
]


@dataclass(frozen=True)
class Outcome:
    """What an attack did: times in seconds, `newcomer` of new connections, memory in KiB."""

    resident: list[float]
    newcomer: list[float]
    before: int
    after: int


def measure(attack: Attack, directory: Path, seconds: float) -> Outcome:
    """Attack a server of its own, in `directory`, for a time; return what that did."""
    path = directory / f"{attack.__name__}.sock"
    command: list[str | Path] = [sys.executable, "-m", "bench.socket_server", path, _ROTATE_EVERY]
    with Program(command, path.with_suffix(".log")) as server:
        server.until(lambda: ask(path))
        _attack(attack, path, seconds / 2)
        before = server.memory()
        resident, newcomer = _attack(attack, path, seconds / 2)
        return Outcome(resident, newcomer, before, server.memory())


def _attack(attack: Attack, path: Path, seconds: float) -> tuple[list[float], list[float]]:
    context = get_context("spawn")
    results, far_end = context.Pipe(duplex=False)
    polite = context.Process(target=_be_polite, args=(path, seconds, far_end))
    attacker = context.Process(target=attack, args=(path, seconds + 0.2))
    polite.start()
    far_end.close()  # a polite client that fails ends the bench
    results.recv()  # it is connected
    attacker.start()
    times: tuple[list[float], list[float]] = results.recv()
    polite.join()
    attacker.join()
    time.sleep(_SETTLING)
    return times


def _be_polite(path: Path, seconds: float, results: Connection) -> None:
    """Ask again and again; send how long each answer took, on the kept and on new connections."""
    alone = os.getuid() == 0
    if alone:
        os.setuid(_POLITE_UID)
    resident: list[float] = []
    newcomer: list[float] = []
    with socket.socket(socket.AF_UNIX) as kept:
        kept.connect(str(path))
        _ask(kept)
        results.send(None)
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            time.sleep(_PAUSE)
            resident.append(_ask(kept))
            if alone:
                began = time.perf_counter()
                with socket.socket(socket.AF_UNIX) as fresh:
                    fresh.connect(str(path))
                    _ask(fresh)
                newcomer.append(time.perf_counter() - began)
    results.send((resident, newcomer))


def _ask(sock: socket.socket) -> float:
    began = time.perf_counter()
    sock.send(GET)
    if not (answer := sock.recv(65536)).startswith(b"HTTP/1.1 200"):
        raise AssertionError(answer)
    return time.perf_counter() - began


def row(attack: Attack, outcome: Outcome) -> list[str]:
    """Return an attack's line of the table."""
    resident = sorted(outcome.resident)
    return [
        attack.__name__.replace("_", " "),
        f"{len(resident) + len(outcome.newcomer):,}",
        f"{resident[len(resident) * 99 // 100] * 1000:.1f} ms",
        f"{resident[-1] * 1000:.1f} ms",
        f"{max(outcome.newcomer, default=0) * 1000:.1f} ms",
        f"{outcome.before:,}",
        f"{outcome.after:,}",
    ]


def main() -> None:
    """Print a table with a line for each attack."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("attacks", nargs="*", metavar="ATTACK")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--write", action="store_true", help=WRITE_HELP)
    options = parser.parse_args()
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o711)
        for attack in ATTACKS:
            if options.attacks and attack.__name__ not in options.attacks:
                continue
            print(attack.__name__, file=sys.stderr)
            rows.append(row(attack, measure(attack, directory, options.seconds)))
    found = table(HEAD, rows)
    print(found, end="")
    if options.write:
        write("bad-peers", found)


if __name__ == "__main__":
    main()
