"""Programs of the page that run beside each other, and are asked in rounds."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from tests.apps.page import Program, environment
from tests.apps.site import Site

ANSWER: Final = "The key works."
_END: Final = 20  # seconds that a program may take to end once its input has


@dataclass
class Running:
    """One program: what it answered, and once it has ended, its status and its errors."""

    program: Program
    process: subprocess.Popen[str]
    answers: list[str] = field(default_factory=list)
    status: int | None = None
    errors: str = ""

    def ask(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("Does this key work?\n")
        self.process.stdin.flush()

    def read(self) -> None:
        """Take the answer to a question; none of it, when the program has ended."""
        assert self.process.stdout
        for _ in range(self.program.lines):
            if line := self.process.stdout.readline():
                self.answers.append(line)

    def end(self) -> None:
        """Tell it that there are no more questions."""
        assert self.process.stdin
        self.process.stdin.close()

    def wait(self) -> None:
        """Wait for its end; one that goes on has no status."""
        assert self.process.stdout
        try:
            self.status = self.process.wait(_END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


@dataclass
class Crowd:
    """Runs programs for as long as it is entered; each begins when it is asked first."""

    programs: Sequence[Program]
    site: Site
    directory: Path
    running: dict[str, Running] = field(default_factory=dict)

    def __enter__(self) -> Self:
        for program in self.programs:
            directory = self.directory / program.name
            directory.mkdir()
            with (directory / "errors").open("w") as errors:
                process = subprocess.Popen(
                    program.command(directory, self.site),
                    cwd=directory,
                    env=environment(directory, self.site),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                )
            self.running[program.name] = Running(program, process)
        return self

    def round(self) -> None:
        """Ask every program that still runs one question, and take its answer."""
        asked = []
        for running in self.running.values():
            if running.process.poll() is None:
                running.ask()
                asked.append(running)
        for running in asked:
            running.read()

    def ended(self) -> bool:
        """Say whether a program has ended, which none should before its input does."""
        return any(running.process.poll() is not None for running in self.running.values())

    def __exit__(self, *_: object) -> None:
        for running in self.running.values():
            running.end()
        for name, running in self.running.items():
            running.wait()
            running.errors = (self.directory / name / "errors").read_text()
