"""Measures what hostile clients cost a polite one, and the server.

    python -m bench.bad_peers [--seconds 4] [ATTACK …]

Server, attacker, and the polite client are a process each. The polite one asks over a connection
that it keeps and, as root, where it can be another user than the attackers, over a new one each
time. The first half of an attack warms up; the second is measured, so that memory which grows with
every attack shows, and memory which is kept for the next one does not.
"""

from __future__ import annotations

import argparse
import os
import socket
import tempfile
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Final

from freshkey.serve.server import Limits

from bench.attacks import ATTACKS, GET
from bench.socket_server import SocketServer

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from bench.attacks import Attack

_PAUSE: Final = 0.002  # seconds between two requests of the polite client
_SETTLING: Final = 0.3  # seconds, until the server has seen the last of an attack
_POLITE_UID: Final = 12345
_ROTATE_EVERY: Final = 0.25  # seconds


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
    with SocketServer(path, Limits(), _ROTATE_EVERY) as server:
        _attack(attack, path, seconds / 2)
        before = _resident_memory(server.pid)
        resident, newcomer = _attack(attack, path, seconds / 2)
        return Outcome(resident, newcomer, before, _resident_memory(server.pid))


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


def _resident_memory(pid: int) -> int:
    """Return the resident memory of a process in KiB (proc(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def main() -> None:
    """Print a line for each attack."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("attacks", nargs="*", metavar="ATTACK")
    parser.add_argument("--seconds", type=float, default=4.0)
    options = parser.parse_args()
    head = ("attack", "answers", "p99 ms", "worst ms", "worst new ms", "KiB before", "after")
    print("{:18} {:>8} {:>8} {:>9} {:>13} {:>11} {:>8}".format(*head))
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o711)
        for attack in ATTACKS:
            if options.attacks and attack.__name__ not in options.attacks:
                continue
            outcome = measure(attack, directory, options.seconds)
            times = sorted(outcome.resident)
            print(
                f"{attack.__name__:18} {len(times) + len(outcome.newcomer):8,}"
                f" {times[len(times) * 99 // 100] * 1000:8.1f} {times[-1] * 1000:9.1f}"
                f" {max(outcome.newcomer, default=0) * 1000:13.1f}"
                f" {outcome.before:11,} {outcome.after:8,}",
                flush=True,
            )


if __name__ == "__main__":
    main()
