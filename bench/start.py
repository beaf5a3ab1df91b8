"""Measures how fast `freshkey run` and Vault Agent start, and what memory they have at rest.

    python -m bench.start [--rounds 11] [--python PATH] [--json] [--write]

Both ask the same Vault, with the same engine, for a key in a file. Freshkey is the one that users
install, with its defaults; it is also killed and started again, until the socket gives the key of
its journal. What is compared takes turns, round after round, and the ratio is taken within a round:
other work on the machine then changes it less. Exit status 1 says that a goal was missed.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Final

from bench.answer import ask
from bench.deployment import Deployment
from bench.imports import OPTION, by_part, imports_table
from bench.installed import describe, install
from bench.program import Program, Reached
from bench.report import Goal, arguments, report, spread, table
from testbed.binaries import VAULT, binary

if TYPE_CHECKING:
    from pathlib import Path

    from bench.program import Command

SLOWER: Final = 3.0  # times Vault Agent's time from start to key file
LARGEST: Final = 52.0  # MiB, at rest
SETTLED: Final = 4.0  # seconds from the key file to what is called rest
IMPORT_ROUNDS: Final = 5

FRESHKEY: Final = "freshkey run: start to key file"
RESTART: Final = "freshkey run: restart with a journal to an answer"
VAULT_AGENT: Final = "vault agent: start to key file"
SCRIPTS: Final = ("pass", "import trio, httpx, hvac, structlog")


class Starts:
    """Starts the two again and again, each in a directory of its own."""

    def __init__(self, deployment: Deployment, programs: Path) -> None:
        self._python = programs / "python"
        self._ours = deployment.freshkey("freshkey")
        self._theirs = deployment.vault_agent("vault-agent")
        config = f"--config={self._ours / 'config.toml'}"
        self._freshkey: Command = [programs / "freshkey", "run", config]
        self._vault_agent: Command = [
            binary(VAULT),
            "agent",
            f"-config={self._theirs / 'agent.hcl'}",
        ]

    def round(self) -> dict[str, Reached]:
        """Start everything once."""
        found: dict[str, Reached] = {}
        found[FRESHKEY], found[RESTART] = start_and_restart(self._freshkey, self._ours)
        clear(self._theirs)
        with Program(self._vault_agent, self._theirs / "log") as program:
            found[VAULT_AGENT] = until_key_file(program, self._theirs)
        return found | {f"python -c '{script}'": self._run(script) for script in SCRIPTS}

    def _run(self, script: str) -> Reached:
        """Run a script to its end."""
        began = time.perf_counter()
        command = [f"{self._python}", "-c", script]
        child = os.posix_spawn(self._python, command, {"PATH": os.defpath})
        _, status, usage = os.wait4(child, 0)
        if status:
            sys.exit(f"bench: failed: {' '.join(command)}")
        took, processor = time.perf_counter() - began, usage.ru_utime + usage.ru_stime
        return Reached(took * 1e3, processor * 1e3)

    def imports(self) -> dict[str, float]:
        """Return what a start without a journal spends on imports: milliseconds, by part."""
        clear(self._ours)
        log = self._ours / "imports"
        log.unlink(missing_ok=True)
        with Program([self._python, *OPTION, *self._freshkey], log) as program:
            until_key_file(program, self._ours)
        return by_part(log.read_text(errors="replace"))

    def memory(self) -> dict[str, float]:
        """Return what is resident at rest, in MiB."""
        found: dict[str, float] = {}
        commands = (("freshkey run", self._freshkey), ("vault agent", self._vault_agent))
        for (name, command), directory in zip(commands, (self._ours, self._theirs), strict=True):
            clear(directory)
            with Program(command, directory / "log") as program:
                until_key_file(program, directory)
                time.sleep(SETTLED)
                found[f"{name}: resident at rest"] = program.memory() / 1024
        return found


def start_and_restart(freshkey: Command, directory: Path) -> tuple[Reached, Reached]:
    """Start the agent until its key file is there; kill it, and start it until it answers."""
    path = directory / "freshkey.sock"
    clear(directory)
    with Program(freshkey, directory / "log") as program:
        start = until_key_file(program, directory)
        program.until(lambda: ask(path))
    with Program(freshkey, directory / "log") as program:
        return start, program.until(lambda: ask(path))


def clear(directory: Path) -> None:
    """Take away what a run has left."""
    for made in ("state", "keys"):
        shutil.rmtree(directory / made, ignore_errors=True)


def until_key_file(program: Program, directory: Path) -> Reached:
    """Wait for it."""
    return program.until((directory / "keys" / "billing").exists)


def main() -> int:
    """Print the tables; return the exit status."""
    options = arguments(__doc__, rounds=11).parse_args()
    programs = install(options.python)
    with Deployment() as deployment:
        starts = Starts(deployment, programs)
        starts.round()  # what is read from disk for the first time is not counted
        rounds = [starts.round() for _ in range(options.rounds)]
        imports = [starts.imports() for _ in range(IMPORT_ROUNDS)]
        memory = starts.memory()
    rows = [
        [name, *(spread([found[name][column] for found in rounds]) for column in (0, 1))]
        for name in rounds[0]
    ]
    rows += [[name, f"{mib:.1f} MiB", ""] for name, mib in memory.items()]
    ratios = [found[FRESHKEY].took / found[VAULT_AGENT].took for found in rounds]
    goals = [
        Goal("start to key file, Freshkey's to Vault Agent's", ratios, at_most=SLOWER),
        Goal("Freshkey's memory at rest, MiB", [next(iter(memory.values()))], at_most=LARGEST),
    ]
    tables = "\n".join(
        [
            f"{describe(programs)}.\n",
            table(["", "ms", "ms of processor"], rows),
            imports_table(imports),
        ]
    )
    values = {
        "starts": [{name: one._asdict() for name, one in found.items()} for found in rounds],
        "imports": imports,
        "memory": memory,
    }
    return report("bench-start", tables, goals, values, options)


if __name__ == "__main__":
    sys.exit(main())
