"""Memory and processor time of agents that have nothing to do but their checks."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.figures.figure import Figure
from bench.figures.starts import PEER, freshkey, vault_agent
from bench.program import Program
from bench.start import SETTLED, clear, until_key_file
from testbed.binaries import VAULT, binary

if TYPE_CHECKING:
    from pathlib import Path

    from bench.deployment import Deployment
    from bench.program import Command

RESIDENT: Final = 0.5  # times Vault Agent's
PROPORTIONAL: Final = 0.75
HOUR: Final = 3600.0
RESTS: Final = 300.0  # seconds: checks every 60 s, and a probe every 5 min


class Processor(NamedTuple):
    """Seconds of processor time an hour, as measured over `seconds`."""

    seconds: float
    freshkey: float
    unchecked: float
    """Of Freshkey without checks and probes, which asks nobody, as Vault Agent does."""
    vault_agent: float


@dataclass(frozen=True)
class Memory:
    """KiB, of both."""

    resident: tuple[int, int]
    proportional: tuple[int, int]


def measure_memory(
    deployment: Deployment, programs: Path, rounds: int, settled: float = SETTLED
) -> list[Memory]:
    """Start both, and look at them when they have come to rest, after `settled` seconds."""
    pair = deployment.freshkey("memory"), deployment.vault_agent("memory-peer")
    with TemporaryDirectory() as scratch:
        # A copy: where an agent runs, no Vault server shares the pages of the program with it.
        program = shutil.copy2(binary(VAULT), scratch)
        commands = freshkey(programs, pair[0]), [program, *vault_agent(pair[1])[1:]]
        return [_memory(commands, pair, settled) for _ in range(rounds)]


def _memory(commands: tuple[Command, Command], pair: tuple[Path, Path], settled: float) -> Memory:
    clear(pair[0])
    clear(pair[1])
    with ExitStack() as stack:
        ours, theirs = (
            stack.enter_context(Program(command, directory / "log"))
            for command, directory in zip(commands, pair, strict=True)
        )
        for program, directory in ((ours, pair[0]), (theirs, pair[1])):
            until_key_file(program, directory)
        time.sleep(settled)
        return Memory(
            (ours.memory(), theirs.memory()), (ours.proportional(), theirs.proportional())
        )


class AtRest:
    """Three agents that run from here on; `processor` tells what that took them."""

    def __init__(self, deployment: Deployment, programs: Path, stack: ExitStack) -> None:
        ours = deployment.freshkey("rest")
        unchecked = deployment.freshkey(
            "rest-unchecked", options="check_every = 0", verify="probe_every = 0"
        )
        theirs = deployment.vault_agent("rest-peer")
        commands = {
            ours: freshkey(programs, ours),
            unchecked: freshkey(programs, unchecked),
            theirs: vault_agent(theirs),
        }
        self._programs = [
            stack.enter_context(Program(command, directory / "log"))
            for directory, command in commands.items()
        ]
        for program, directory in zip(self._programs, commands, strict=True):
            until_key_file(program, directory)
        time.sleep(SETTLED)
        self._began = time.monotonic()
        self._before = [program.processor() for program in self._programs]

    def processor(self, seconds: float) -> Processor:
        """Return what they took, once at least so many seconds are over."""
        time.sleep(max(0.0, self._began + seconds - time.monotonic()))
        took = time.monotonic() - self._began
        ours, unchecked, theirs = (
            (program.processor() - before) * HOUR / took
            for program, before in zip(self._programs, self._before, strict=True)
        )
        return Processor(took, ours, unchecked, theirs)


def memory_figures(found: list[Memory]) -> list[Figure]:
    """Return a line for what is resident, and one for the proportional share of it."""
    return [
        Figure(
            key,
            f"memory at rest, {key}",
            "MiB",
            [ours / 1024 for ours, _ in pairs],
            PEER,
            [theirs / 1024 for _, theirs in pairs],
            at_most=bound,
            digits=1,
        )
        for key, bound, pairs in (
            ("resident", RESIDENT, [one.resident for one in found]),
            ("proportional", PROPORTIONAL, [one.proportional for one in found]),
        )
    ]


def processor_figures(found: Processor) -> list[Figure]:
    """Return a line with checks, which names the time that it was measured for, and one without."""
    return [
        Figure(key, name, "s", [ours], PEER, [found.vault_agent], digits=2)
        for key, name, ours in (
            (
                "processor",
                f"processor time at rest, an hour: that of {found.seconds:.0f} s, multiplied",
                found.freshkey,
            ),
            (
                "processor-unchecked",
                "processor time at rest without checks, an hour",
                found.unchecked,
            ),
        )
    ]
