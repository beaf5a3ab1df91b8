"""What is compared: the agent in several ways, and others that send the same bytes."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.answer import ask
from bench.generator import LIMIT, LoadError, load
from bench.program import Program
from testbed.binaries import BENCH_PEER, binary

if TYPE_CHECKING:
    from contextlib import ExitStack

    from bench.deployment import Deployment
    from bench.program import Command

AUDITED: Final = "freshkey run, audit_file on tmpfs"
LOGGED: Final = "freshkey run, audit in the log, a file on tmpfs"
PART: Final = "part of it: the server alone, no audit"
GO: Final = "Go's net/http"
HTTP_SERVER: Final = "Python's http.server, a thread for each"
HYPERCORN: Final = "hypercorn with trio"


@dataclass(frozen=True)
class Server:
    """One that runs, with its socket; every answer adds a line to `record`, if there is one."""

    name: str
    program: Program
    path: Path
    record: Path | None = None

    def measure(self, connections: int, seconds: float, cpu: int) -> dict[str, float]:
        """Load it from a processor; return what `Load` has, and `processor`: µs for an answer."""
        before = self.program.processor()
        try:
            found = load(self.path, connections, seconds=seconds, cpu=cpu)
        except LoadError as error:
            sys.exit(f"bench: {self.name}: {error}")
        took = self.program.processor() - before
        if self.record is not None:
            missing = found.asked - connections - self.record.read_bytes().count(b"\n")
            os.truncate(self.record, 0)
            if missing > 0:
                self._tell_of(missing, found.asked)
        if found.busy > LIMIT:
            print(f"bench: {self.name}: the load was at its own limit", file=sys.stderr)
        return {**asdict(found), "processor": took / found.asked * 1e6}

    def _tell_of(self, missing: int, asked: int) -> None:
        text = f"bench: {self.name}: {missing} of {asked} reads are not in {self.record}"
        if self.name == AUDITED:
            sys.exit(text)  # an audit event is never dropped
        print(text, file=sys.stderr)


class Servers:
    """Starts servers on one processor; they are killed with `stack`.

    `programs` is where the agent is installed, alone; `peers` has a Python with hypercorn.
    """

    def __init__(
        self, deployment: Deployment, programs: Path, peers: Path, cpu: int, stack: ExitStack
    ) -> None:
        self._deployment = deployment
        self._programs = programs
        self._peers = peers
        self._cpu = cpu
        self._stack = stack

    def start(self) -> list[Server]:
        """Start each; what is compared most closely comes one after the other."""
        agent, peer = self.start_both()
        answer = _answer_beside(agent.path)
        logged = self._deployment.freshkey("logged")
        module: Command = [self._programs / "python", "-m"]
        return [
            agent,
            peer,
            self._agent(LOGGED, logged, logged / "log"),
            self._peer(PART, [*module, "bench.socket_server"]),
            self._peer(HTTP_SERVER, [*module, "bench.http_server"], answer),
            self._hypercorn(answer),
        ]

    def start_three(self) -> tuple[Server, Server, Server]:
        """Start those two, and hypercorn, which Python and trio slow down as they do the agent."""
        agent, peer = self.start_both()
        return agent, peer, self._hypercorn(_answer_beside(agent.path))

    def start_both(self) -> tuple[Server, Server]:
        """Start the agent, and Go's, which sends the same bytes."""
        audited = self._deployment.freshkey("audited", '[log]\naudit_file = "audit"\n')
        agent = self._agent(AUDITED, audited, audited / "audit")
        answer = _answer_beside(agent.path)
        answer.write_bytes(ask(agent.path) or b"")
        return agent, self._peer(GO, [binary(BENCH_PEER)], answer)

    def _agent(self, name: str, directory: Path, record: Path) -> Server:
        config = f"--config={directory / 'config.toml'}"
        command: Command = [self._programs / "freshkey", "run", config]
        return self._start(name, command, directory / "freshkey.sock", record)

    def _hypercorn(self, answer: Path) -> Server:
        module: Command = [self._peers / "python", "-m", "bench.hypercorn_server"]
        return self._peer(HYPERCORN, module, answer)

    def _peer(self, name: str, command: Command, *arguments: Path) -> Server:
        path = self._deployment.directory(name.partition(" ")[0]) / "sock"
        return self._start(name, [*command, path, *arguments], path)

    def _start(self, name: str, command: Command, path: Path, record: Path | None = None) -> Server:
        program = Program(command, path.with_name("log"), self._cpu)
        self._stack.enter_context(program)
        program.until(lambda: ask(path))
        return Server(name, program, path, record)


def _answer_beside(socket: Path) -> Path:
    return socket.with_name("answer")
