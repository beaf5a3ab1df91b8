"""From Vault's answer to a mint, until the key is in its file, and until all watchers have it.

The answer is that to the mint, which a relay between the two passes on. `verify` is off, because
the time of a test is OpenAI's.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.answer import ask
from bench.figures.figure import Figure
from bench.figures.starts import freshkey
from bench.program import PATIENCE, Program, pinned
from bench.relay import Relay
from bench.watchers import COUNT, LATEST, ROTATE, Watchers

if TYPE_CHECKING:
    from pathlib import Path

    from bench.deployment import Deployment

FILE_LATEST: Final = 3.0  # milliseconds
_LOOK_EVERY: Final = 0.0001  # seconds


class Found(NamedTuple):
    """Milliseconds from Vault's answers, for each rotation."""

    file: list[float]
    watchers: list[float]


def measure(deployment: Deployment, programs: Path, cpus: tuple[int, int], rotations: int) -> Found:
    """Rotate one key again and again; agent and readers have a processor each."""
    with Relay(deployment.vault.address) as relay:
        directory = deployment.freshkey(
            "delivery",
            '[log]\naudit_file = "audit"\n',
            address=relay.address,
            vault="max_mints_per_minute = 0",
            verify='mode = "off"',
            server=f"max_connections = {2 * COUNT}\nmax_connections_per_uid = {2 * COUNT}",
        )
        with Program(freshkey(programs, directory), directory / "log", cpus[0]) as program:
            program.until(lambda: ask(directory / "freshkey.sock"))
            with pinned(cpus[1]):
                file = [_until_file(directory, relay) for _ in range(rotations)]
                with Watchers(program, directory, "events") as watchers:
                    crowd = []
                    for _ in range(rotations):
                        arrived = watchers.arrival()
                        crowd.append((arrived - relay.answered_before(arrived)) * 1e3)
    return Found(file, crowd)


def _until_file(directory: Path, relay: Relay) -> float:
    """Have the key replaced, and look at its file until it is another one."""
    path = directory / "keys" / "billing"
    before = path.stat().st_ino, path.read_text()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(directory / "freshkey.sock"))
        sock.sendall(ROTATE)
        sock.recv(65536)
        deadline = time.monotonic() + PATIENCE
        while (path.stat().st_ino, path.read_text()) == before:
            if time.monotonic() > deadline:
                raise TimeoutError("the key was not replaced")
            time.sleep(_LOOK_EVERY)
        now = time.time()
    return (now - relay.answered_before(now)) * 1e3


def figures(found: Found) -> list[Figure]:
    """Return a line for the file, and one for the crowd."""
    answer = "from Vault's answer until"
    return [
        Figure(
            "delivery-file",
            f"{answer} the key is in its file",
            "ms",
            found.file,
            at_most=FILE_LATEST,
            digits=1,
        ),
        Figure(
            "delivery-watchers",
            f"{answer} {COUNT:,} watchers have it",
            "ms",
            found.watchers,
            at_most=LATEST,
        ),
    ]
