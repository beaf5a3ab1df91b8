"""Small things that go wrong around a running agent, and must neither end it nor spoil its stop."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import UnixConnection, eventually
from tests.agent.reconfiguring import change
from tests.support.mounting import small_disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.agent.harness import Agent


@pytest.fixture
def disk(tmpfs_path: Path) -> Iterator[Path]:
    point = tmpfs_path / "apart"
    point.mkdir()
    with small_disk(point, "64k"):
        yield point


def fill(path: Path) -> None:
    """Leave no room on the file system."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while True:
            os.write(descriptor, b"x" * 512)
    os.close(descriptor)


def test_without_descriptors_the_socket_is_mended_later(make_agent: Callable[..., Agent]) -> None:
    agent = make_agent()
    agent.start()
    agent.wait_for_key()
    assert agent.process is not None
    used = len(os.listdir(f"/proc/{agent.process.pid}/fd"))  # noqa: PTH208 - a count alone
    before = resource.prlimit(agent.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(agent.process.pid, resource.RLIMIT_NOFILE, (used, before[1]))
    path = agent.directory / "freshkey.sock"
    path.unlink()
    (lost, *_) = eventually(lambda: agent.logged("server.socket_lost"), "that is told")
    assert "Too many open files" in lost["message"]
    assert agent.process.poll() is None
    resource.prlimit(agent.process.pid, resource.RLIMIT_NOFILE, before)
    eventually(path.exists, "it is made anew")
    assert agent.wait_for_key()
    assert agent.end() == 0


def test_a_stop_answers_and_is_in_order_though_the_sockets_file_has_to_stay(
    make_agent: Callable[..., Agent], disk: Path
) -> None:
    agent = make_agent()
    path = disk / "freshkey.sock"
    change(agent, '"freshkey.sock"', f'"{path}"')
    agent.start()
    eventually(lambda: agent.logged("key.published"), "there is a key")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    connection = UnixConnection(path)
    connection.request("GET", "/v1/keys/billing")
    tag = json.loads(connection.getresponse().read())["tag"]
    connection.request("GET", "/v1/keys/billing?wait=30s", headers={"If-None-Match": f'"{tag}"'})
    assert connection.sock is not None
    assert agent.end() == 0
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["code"]) == (503, "stopping")
    connection.close()
    (left,) = agent.logged("server.socket_left")
    assert left["path"] == str(path)
    assert not agent.logged("process.crashed")


def with_state_on(disk: Path, agent: Agent) -> tuple[Agent, str]:
    """Start an agent whose state is on a small disk; return it with the tag of its key."""
    change(agent, '"state"', f'"{disk / "state"}"')
    agent.start()
    return agent, agent.wait_for_key()["tag"]


def test_on_a_full_disk_a_later_start_goes_on_with_the_newest_key(
    make_agent: Callable[..., Agent], disk: Path
) -> None:
    agent, tag = with_state_on(disk, make_agent())
    fill(disk / "filler")
    agent.post("/v1/keys/billing/rotate")
    newest = agent.wait_for_key(other_than=tag)
    assert agent.end() == 0
    assert not agent.logged("journal.lost")
    agent.start()
    assert agent.wait_for_key()["tag"] == newest["tag"]


def test_what_no_later_start_will_know_of_is_named_at_the_end(
    make_agent: Callable[..., Agent], disk: Path
) -> None:
    agent, tag = with_state_on(disk, make_agent())
    journal = disk / "state" / "journal.json"
    subprocess.run(["mount", "--bind", str(journal), str(journal)], check=True)  # it stays so
    try:
        agent.post("/v1/keys/billing/rotate")
        agent.wait_for_key(other_than=tag)
        assert agent.end() == 0
    finally:
        subprocess.run(["umount", str(journal)], check=True)
    (lost,) = agent.logged("journal.lost")
    assert lost["level"] == "error"
    assert len(lost["leases"]) == 2
    assert lost["accessor"]
    assert "hvs." not in json.dumps(lost)


def test_commands_say_their_line_where_no_thread_can_be_started() -> None:
    program = (
        "import threading, sys\n"
        'def refuse(self): raise RuntimeError("can\'t start new thread")\n'
        "threading.Thread.start = refuse\n"
        "from freshkey.cli.main import main\n"
        "sys.exit(main(['check', '--config', '/nonexistent.toml']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "there is no such file" in done.stderr
