"""Servers of the testbed as child processes that never outlive us."""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar


class StartError(Exception):
    """A server did not start; the text says which and where its log is."""


class ReservedPort:
    """A TCP port of 127.0.0.1, kept for one server until `close`.

    It is bound here and not listened on: with SO_REUSEADDR, which Go sets too, the server can bind
    it as well, and the kernel gives it to no process that asks for a free one.
    """

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()


class ServerProcess:
    """A child with its output in a file, its own process group, and its own environment.

    `output` is a descriptor that takes its output in place of the file. A terminal's Ctrl-C does
    not reach it: whoever started it decides when it ends. When we die without stopping it, it is
    ended too, by a shell that waits for our end of a pipe.
    """

    on_parent_death: ClassVar = 'kill "$0"; kill -CONT "$0"'
    """What that shell does; $0 is the child."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str],
        output: int | None = None,
    ) -> None:
        self.log = log
        self._frozen = False
        with log.open("ab") as file:
            self._child = subprocess.Popen(
                [*command],
                stdin=subprocess.DEVNULL,
                stdout=file if output is None else output,
                stderr=subprocess.STDOUT,
                env={**environment},
                cwd=log.parent,
                process_group=0,
            )
        self._lifeline = subprocess.Popen(
            ["sh", "-c", f"read -r _; {self.on_parent_death}", str(self.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._child.poll() is None

    def stop(self, timeout: float = 10) -> None:
        """SIGTERM; after `timeout` seconds, kill it. Does nothing once it has ended."""
        self.thaw()
        self._cut_lifeline()
        self._child.terminate()
        try:
            self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def wait(self, seconds: float) -> int:
        """Wait until it ends by itself; return its status. TimeoutExpired when it doesn't."""
        status = self._child.wait(seconds)
        self._cut_lifeline()
        return status

    def kill(self) -> None:
        """SIGKILL, for it and for its children: Vault's plugins outlive a killed Vault."""
        self._cut_lifeline()
        if not self.running:
            return
        self.freeze()  # or it could start one more child between the look and the kill
        children = [*_children(self.pid)]
        self._child.kill()
        self._child.wait()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def freeze(self) -> None:
        """SIGSTOP: connections are still accepted by the kernel, and nothing answers."""
        self._child.send_signal(signal.SIGSTOP)
        with contextlib.suppress(ChildProcessError):  # it had ended
            # A signal takes a moment to reach every thread; an answer could slip out.
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        self._frozen = True

    def thaw(self) -> None:
        """SIGCONT."""
        if self._frozen:
            self._child.send_signal(signal.SIGCONT)
            self._frozen = False

    def _cut_lifeline(self) -> None:
        self._lifeline.kill()
        self._lifeline.communicate()

    def tail(self, lines: int = 5) -> str:
        """Return the last lines of its output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _children(parent: int) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # proc(5): the name, which may hold anything, ends at the last parenthesis.
                status = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(status[1]) == parent:
                    yield int(entry.name)
