"""What the agent has on disk is taken from under it, and comes back: against the real Vault."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.agent.harness import Agent, UnixConnection, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Engine

# The socket of the agent, as systemd would pass it.
ACTIVATED: Final = """
import os, socket, sys
path, *command = sys.argv[1:]
listening = socket.socket(socket.AF_UNIX)
listening.bind(path)
listening.listen()
os.dup2(listening.detach(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(command[0], command)
"""


def until_told(agent: Agent, times: int, *events: str) -> None:
    """Wait for the log, which is written by a thread; no event is in it more often."""
    for event in events:
        eventually(partial(_is_told, agent, times, event), f"{event} is told")
        assert len(agent.logged(event)) == times, event


def _is_told(agent: Agent, times: int, event: str) -> bool:
    return len(agent.logged(event)) >= times


def test_everything_in_run_is_removed(engine: Engine, make_agent: Callable[..., Agent]) -> None:
    agent = make_agent()
    agent.start()
    first = agent.wait_for_key()
    connection = UnixConnection(agent.directory / "freshkey.sock")
    connection.request("GET", "/livez")
    connection.getresponse().read()
    for path in (agent.key_file.parent, agent.journal.parent):
        shutil.rmtree(path)
    (agent.directory / "freshkey.sock").unlink()

    eventually(agent.key, "the socket answers again")
    eventually(lambda: agent.journal.exists() and agent.key_file.exists(), "the files")
    assert agent.key_file.read_text() == first["key"]
    connection.request("GET", "/livez")
    assert connection.getresponse().status == 200, "an open connection stays"
    connection.close()
    until_told(agent, 1, "server.socket_restored", "key.file_changed", "state.restored")

    agent.end(signal.SIGKILL)
    agent.start()
    assert agent.wait_for_key()["tag"] == first["tag"]
    assert engine.counts()["mints"] == 1, "the key has an owner still"


def test_a_socket_of_systemd_is_only_told_of(make_agent: Callable[..., Agent]) -> None:
    agent = make_agent()
    socket = agent.directory / "freshkey.sock"
    agent.start(None, sys.executable, "-c", ACTIVATED, str(socket))
    agent.wait_for_key()
    connection = UnixConnection(socket)
    connection.request("GET", "/livez")
    connection.getresponse().read()
    socket.unlink()
    eventually(lambda: agent.logged("server.socket_lost"), "it is told")
    shutil.rmtree(agent.journal.parent)
    eventually(lambda: agent.logged("state.restored"), "a later look is over")
    assert not socket.exists()
    assert len(agent.told("server.socket_lost")) == 1
    connection.request("GET", "/v1/keys/billing")
    assert connection.getresponse().status == 200
    connection.close()
    assert agent.end() == 0


class Namespace:
    """An agent that has mounts of its own; it is killed with them."""

    def __init__(self, agent: Agent) -> None:
        if not (shutil.which("unshare") and shutil.which("nsenter")):
            pytest.skip("unshare and nsenter (util-linux) are not installed")
        allowed = subprocess.run(
            ["unshare", "--mount", "true"], capture_output=True, text=True, check=False
        )
        if allowed.returncode:
            pytest.skip(f"mounting is not permitted here: {allowed.stderr.strip()}")
        self.agent = agent
        agent.start(None, "unshare", "--mount", "--propagation", "private", "--")

    def run(self, *command: str) -> None:
        assert self.agent.process is not None
        inside = ["nsenter", "--mount", "--target", str(self.agent.process.pid), "--", *command]
        subprocess.run(inside, check=True)

    def mount(self, path: Path, mode: str) -> None:
        self.run("mount", "-t", "tmpfs", "-o", f"size=1m,mode={mode}", "x", str(path))

    def unmount(self, path: Path) -> None:
        self.run("umount", "--lazy", str(path))

    def seen(self, path: Path) -> Path:
        """Where a path of the agent's is for us."""
        assert self.agent.process is not None
        return Path(f"/proc/{self.agent.process.pid}/root{path}")


def test_mounts_hide_it_all_and_bring_it_back(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    agent = make_agent(overlap='"1s"')
    space = Namespace(agent)
    agent.wait_for_key()
    state, keys = agent.journal.parent, agent.key_file.parent
    space.mount(state, "0700")
    space.mount(keys, "0755")

    def is_out(key: str) -> bool:
        journal, file = space.seen(agent.journal), space.seen(agent.key_file)
        files = journal.exists() and file.exists()
        return files and key in journal.read_text() and file.read_text() == key

    first = agent.wait_for_key()["key"]
    eventually(lambda: is_out(first), "lock, journal, and file are made anew")
    second = agent.command("run")
    assert "is in use by process" in second.stderr, "the hidden one stays locked"
    before = agent.wait_for_key()["tag"]
    assert agent.post("/v1/keys/billing/rotate") == 202
    rotated = agent.wait_for_key(other_than=before)
    space.unmount(state)
    space.unmount(keys)
    eventually(lambda: is_out(rotated["key"]), "those that came back are up to date")
    assert agent.key_file.read_text() == rotated["key"], "and seen by all"
    until_told(agent, 2, "state.restored", "key.file_changed")
    agent.end(signal.SIGKILL)
    agent.start()
    assert agent.wait_for_key()["tag"] == rotated["tag"]
    assert engine.counts()["mints"] == 2


def test_a_mount_hides_the_whole_directory_with_the_socket(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    agent = make_agent()
    space = Namespace(agent)
    first = agent.wait_for_key()
    socket = agent.directory / "freshkey.sock"
    space.mount(agent.directory, "0755")

    def answers() -> bool:
        connection = UnixConnection(space.seen(socket))
        try:
            connection.request("GET", "/v1/keys/billing")
            return first["tag"] in connection.getresponse().read().decode()
        except OSError:
            return False
        finally:
            connection.close()

    eventually(answers, "the socket is made anew")
    space.unmount(agent.directory)
    eventually(agent.key, "the socket that came back answers")
    until_told(agent, 2, "server.socket_restored")
    agent.end(signal.SIGKILL)
    agent.start()
    assert agent.wait_for_key()["tag"] == first["tag"]
    assert engine.counts()["mints"] == 1


def test_a_directory_that_is_read_only_for_a_while(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    agent = make_agent()
    keys = agent.key_file.parent
    keys.mkdir()
    space = Namespace(agent)
    first = agent.wait_for_key()
    space.mount(keys, "0755")
    eventually(lambda: space.seen(agent.key_file).exists(), "the file is made anew")
    space.run("mount", "-o", "remount,ro", str(keys))
    assert agent.post("/v1/keys/billing/rotate") == 202
    second = agent.wait_for_key(other_than=first["tag"])
    failed = eventually(lambda: agent.logged("key.file_failed"), "the fault is told")
    assert "mount it writable" in failed[0]["message"]
    assert space.seen(agent.key_file).read_text() == first["key"]
    space.run("mount", "-o", "remount,rw", str(keys))
    eventually(lambda: agent.logged("key.files_recovered"), "the recovery is told")
    assert space.seen(agent.key_file).read_text() == second["key"]
    assert engine.counts()["mints"] == 2
