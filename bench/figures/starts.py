"""A start, and a restart with a journal, beside Vault Agent's start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from bench.answer import ask
from bench.figures.figure import Figure
from bench.program import Program, Reached
from bench.start import clear, until_key_file
from testbed.binaries import VAULT, binary

if TYPE_CHECKING:
    from pathlib import Path

    from bench.deployment import Deployment
    from bench.program import Command

SLOWER: Final = 3.0  # times Vault Agent's start
RESTART_SLOWER: Final = 2.0
PEER: Final = "Vault Agent"


class Round(NamedTuple):
    """What was found once; `file` is the key file of a restart, `answer` the socket's."""

    start: Reached
    file: Reached
    answer: Reached
    vault_agent: Reached
    mints: int
    """Of the restart."""


def freshkey(programs: Path, directory: Path) -> Command:
    """Return the command that runs the agent of a directory."""
    return [programs / "freshkey", "run", f"--config={directory / 'config.toml'}"]


def vault_agent(directory: Path) -> Command:
    """Return the command that runs Vault Agent with what stands in a directory."""
    return [binary(VAULT), "agent", f"-config={directory / 'agent.hcl'}"]


def measure(deployment: Deployment, programs: Path, rounds: int) -> list[Round]:
    """Start each again and again, in turns. The first round, which reads the disk, is left out."""
    ours, theirs = deployment.freshkey("starts"), deployment.vault_agent("starts-peer")
    command = freshkey(programs, ours)
    found = []
    for number in range(rounds + 1):
        clear(ours)
        with Program(command, ours / "log") as program:
            start = until_key_file(program, ours)
            program.until(lambda: ask(ours / "freshkey.sock"))
        (ours / "keys" / "billing").unlink()  # else it would be there all the time
        before = deployment.openai.state()["overall"]["mints"]
        with Program(command, ours / "log") as program:
            file = until_key_file(program, ours)
            answer = program.until(lambda: ask(ours / "freshkey.sock"))
        mints = deployment.openai.state()["overall"]["mints"] - before
        clear(theirs)
        with Program(vault_agent(theirs), theirs / "log") as program:
            peer = until_key_file(program, theirs)
        if number:
            found.append(Round(start, file, answer, peer, mints))
    return found


def figures(found: list[Round]) -> list[Figure]:
    """Return a line for each thing that was waited for."""
    theirs = [one.vault_agent.took for one in found]
    processor = [one.vault_agent.processor for one in found]
    restart = "restart with a journal to "
    return [
        Figure(
            "start",
            "start to key file",
            "ms",
            [one.start.took for one in found],
            PEER,
            theirs,
            at_most=SLOWER,
        ),
        Figure(
            "start-processor",
            "processor time of a start",
            "ms",
            [one.start.processor for one in found],
            PEER,
            processor,
        ),
        Figure(
            "restart",
            f"{restart}key file, which was removed",
            "ms",
            [one.file.took for one in found],
            f"{PEER}'s start",
            theirs,
            at_most=RESTART_SLOWER,
        ),
        Figure(
            "restart-processor",
            "processor time of such a restart",
            "ms",
            [one.file.processor for one in found],
            f"{PEER}'s start",
            processor,
        ),
        Figure(
            "restart-answer",
            f"{restart}an answer on the socket",
            "ms",
            [one.answer.took for one in found],
            f"{PEER}'s start",
            theirs,
        ),
        Figure(
            "restart-mints",
            "keys minted for a restart",
            "",
            [float(one.mints) for one in found],
            at_most=0,
        ),
    ]
