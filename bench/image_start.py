"""Measures how fast the agent starts in a container of the image, beside the host's own.

    python -m bench.image_start [--rounds 11] [--python PATH] [--json] [--write]

Both ask the same Vault for a key in a file, with the same configuration. The container has its own
processes and mounts and a read-only root; no engine is part of the time.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.deployment import Deployment
from bench.installed import describe, install
from bench.program import Program
from bench.report import arguments, report, spread, table
from bench.start import clear, until_key_file
from testbed.container import Container, Identity, Volume
from testbed.debian import UnavailableError
from testbed.image import ImageBuilder

if TYPE_CHECKING:
    from bench.program import Command

ROOT = Path(__file__).resolve().parent.parent
OWN = Identity(65532, 65532)
PLACE = "/run/freshkey"
HOST, CONTAINER = "host: start to key file", "container: start to key file"


def give(directory: Path) -> None:
    """Let the image's user have what is in a directory."""
    for path in (directory, *directory.rglob("*")):
        os.chown(path, OWN.user, OWN.group)


def kill_inside(program: Program) -> None:
    """Kill the first process of a container, which does not die with what holds it."""
    for child in Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)


def main() -> int:
    """Print the table; return the exit status."""
    options = arguments(__doc__, rounds=11).parse_args()
    programs = install(options.python)
    rounds: list[dict[str, float]] = []
    try:
        with ImageBuilder() as builder, Deployment() as deployment:
            builder.build(ROOT, 1)
            ours, theirs = deployment.freshkey("host"), deployment.freshkey("container")
            above = Volume(theirs.parent, PLACE)
            variables = builder.config().environment
            # Without a user namespace, because the program that makes one would be measured, too.
            container = Container(
                builder.mount(), theirs / "log", OWN, (above,), variables, ids=None
            )
            give(theirs)
            (theirs.parent / "secret_id").chmod(0o644)
            theirs.parent.chmod(0o755)
            host: Command = [programs / "freshkey", "run", f"--config={ours / 'config.toml'}"]
            inside = container.command("freshkey", "run", f"--config={PLACE}/container/config.toml")
            for number in range(options.rounds + 1):
                found: dict[str, float] = {}
                for name, command, directory in ((HOST, host, ours), (CONTAINER, inside, theirs)):
                    clear(directory)
                    with Program(command, directory.parent / f"{directory.name}.log") as program:
                        found[name] = until_key_file(program, directory).took
                        if command is inside:
                            kill_inside(program)
                if number:  # what is read from disk for the first time is not counted
                    rounds.append(found)
    except UnavailableError as error:
        sys.exit(f"bench: {error}")
    rows = [[name, spread([found[name] for found in rounds])] for name in (HOST, CONTAINER)]
    ratio = spread([found[CONTAINER] / found[HOST] for found in rounds], 2)
    tables = "\n".join(
        [
            f"The host has {describe(programs)}.\n",
            table(["", "ms"], [*rows, ["container / host", ratio]]),
        ]
    )
    return report("bench-image-start", tables, [], {"starts": rounds}, options)


if __name__ == "__main__":
    sys.exit(main())
