"""All that the agent's processes show of themselves, and a search for secrets in it."""

from __future__ import annotations

import base64
import http
import os
import resource
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.agent.harness import Agent, eventually

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_PIECE = 12  # characters of a secret's end that give it away; its start may be the same for all
# Imported by every Python with this directory on its path: it stops before it ends, to be seen.
_PAUSE = "import atexit, os, signal\natexit.register(os.kill, os.getpid(), signal.SIGSTOP)\n"


def leaks(secrets: Mapping[str, str], shown: Iterable[tuple[str, bytes]]) -> list[str]:
    """Say which secret, by its name, is in which place: whole, its end, or in base64."""
    return [
        f"{name} in {place}"
        for place, content in shown
        for name, secret in secrets.items()
        if any(form in content or form in os.fsencode(place) for form in _forms(secret))
    ]


def _forms(secret: str) -> set[bytes]:
    data = secret.encode()
    encoded = (base64.b64encode(bytes(before) + data) for before in range(3))
    # The ends of a base64 text depend on what is beside it.
    return {data, data[-_PIECE:], *(text[4:-4] for text in encoded)}


@dataclass
class Exposure:
    """Runs an agent and its commands in `scratch`, which is also home and for temporary files."""

    agent: Agent
    scratch: Path
    shown: list[tuple[str, bytes]] = field(default_factory=list)

    def start(self, *program: str) -> None:
        """Start the agent, with core dumps allowed; `program` is in place of `-m freshkey`."""
        arguments = [*(program or ("-m", "freshkey")), "run", "--config", str(self.agent.config)]
        with (self.agent.directory / "log").open("ab") as log:
            self.agent.process = self._popen(arguments, log.fileno(), log.fileno())

    def command(self, *arguments: str, endless: bool = False) -> int:
        """Run a command to its end, and note what it shows until then; return its status.

        One that is `endless` is interrupted after its first output. What goes to stdout is noted
        as `stdout of COMMAND`.
        """
        name = " ".join(arguments)
        pause = self.scratch / "pause"
        pause.mkdir(exist_ok=True)
        (pause / "sitecustomize.py").write_text(_PAUSE)
        outputs = self.scratch / "stdout", self.scratch / "stderr"
        with outputs[0].open("wb") as out, outputs[1].open("wb") as err:
            process = self._popen(
                ["-m", "freshkey", *arguments], out.fileno(), err.fileno(), PYTHONPATH=str(pause)
            )
        try:
            self.look_at(process.pid)
            if endless:
                eventually(lambda: outputs[0].stat().st_size, f"output of {name}")
                process.send_signal(signal.SIGINT)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            self.look_at(process.pid)
            process.send_signal(signal.SIGCONT)
            status = process.wait()
        finally:
            process.kill()
            process.wait()
        for output in outputs:
            self.shown.append((f"{output.name} of {name}", output.read_bytes()))
            output.unlink()
        return status

    def _popen(
        self, arguments: list[str], out: int, err: int, **variables: str
    ) -> subprocess.Popen[bytes]:
        places = {"HOME": str(self.scratch), "TMPDIR": str(self.scratch)}
        with cores_allowed():
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.scratch,
                env={"PATH": os.defpath, **places, **self.agent.environment, **variables},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    def look_at(self, pid: int) -> None:
        """Note what /proc shows of a process."""
        directory = Path("/proc", str(pid))
        for name in ("cmdline", "comm", "status", "environ"):
            # A process that is hardened keeps its environment from all but root.
            with suppress(PermissionError):
                self.shown.append((f"{name} of {pid}", (directory / name).read_bytes()))
        for thread in directory.glob("task/*/comm"):
            with suppress(OSError):  # it has ended
                self.shown.append((f"name of a thread of {pid}", thread.read_bytes()))

    def ask(self, request: bytes) -> bytes:
        """Send bytes to the agent's socket and return the whole answer, which is noted."""
        answer = b""
        with socket.socket(socket.AF_UNIX) as sock, suppress(BrokenPipeError, ConnectionResetError):
            sock.settimeout(5)
            sock.connect(str(self.agent.directory / "freshkey.sock"))
            with suppress(BrokenPipeError):  # refused before all of it was sent
                sock.sendall(request)
            while part := sock.recv(65536):
                answer += part
        self.shown.append((f"answer to {request[:60]!r}", answer))
        return answer

    def leaks(self, secrets: Mapping[str, str]) -> list[str]:
        """Search all that was noted, and every file in the agent's directories.

        Left out is what has to have a secret: journal and key file, what `get` prints, and what
        the user put into the environment or into a file.
        """
        agent = self.agent
        own = {agent.key_file, agent.journal, agent.directory / "secret_id"}
        files = [path for path in self._files() if path not in own]
        shown = [*self.shown, *((str(path), path.read_bytes()) for path in files)]
        given = {n for n, secret in secrets.items() if secret in agent.environment.values()}
        return [
            leak
            for leak in leaks(secrets, shown)
            for name, _, place in [leak.partition(" in ")]
            if not (name in given and place.startswith("environ of "))
            and not (name.startswith("key ") and place.startswith("stdout of get "))
        ]

    def _files(self) -> Iterator[Path]:
        for directory in (self.agent.directory, self.scratch):
            yield from (path for path in directory.rglob("*") if path.is_file())


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """Return the bytes of an HTTP request after which the connection is closed."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([*lines, "", ""]).encode() + body


def status_of(answer: bytes) -> http.HTTPStatus:
    """Return the status of an answer."""
    return http.HTTPStatus(int(answer.split()[1]))


@contextmanager
def cores_allowed() -> Iterator[None]:
    """Let processes that are started within dump core, as far as this one may allow it."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)
