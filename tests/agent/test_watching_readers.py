"""Programs that watch a key file: what each way of watching sees of a rotation."""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from operator import contains
from typing import TYPE_CHECKING

import pytest
import watchfiles

from tests.agent.harness import PATIENCE, eventually
from tests.agent.reconfiguring import mint_without_limit
from tests.support.inotify import IN_CLOSE_WRITE, IN_DELETE_SELF, IN_MOVED_TO, Watch
from tests.support.mounting import bound

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.agent.harness import Agent

ROTATIONS = 3


@pytest.fixture
def agent(make_agent: Callable[..., Agent]) -> Agent:
    """An agent that has published a key, and replaces it when it is asked."""
    agent = make_agent(overlap='"5m"')
    mint_without_limit(agent)
    agent.start()
    agent.wait_for_key()
    return agent


def rotate(agent: Agent) -> str:
    """Have the key replaced; return the new one once its file is written."""
    before = agent.key()
    assert before is not None
    assert agent.post("/v1/keys/billing/rotate") == 202
    return str(agent.wait_for_key(other_than=before["tag"])["key"])


def test_who_watches_the_directory_is_told_of_each_new_file(agent: Agent) -> None:
    with Watch(agent.key_file.parent) as watch:
        for _ in range(ROTATIONS):
            key = rotate(agent)
            told = watch.events(PATIENCE)
            assert (IN_MOVED_TO, "billing") in told
            assert all(name != "billing" for mask, name in told if mask == IN_CLOSE_WRITE)
            assert agent.key_file.read_text() == key


def test_who_watches_the_file_is_told_that_it_went_and_watches_the_next_one(agent: Agent) -> None:
    for _ in range(ROTATIONS):
        with Watch(agent.key_file) as watch:
            key = rotate(agent)
            masks: list[int] = []
            while IN_DELETE_SELF not in masks:
                told = [mask for mask, _ in watch.events(PATIENCE)]
                assert told, "the watch hears of nothing"
                masks += told
        assert agent.key_file.read_text() == key


def test_watchfiles_on_the_directory(agent: Agent) -> None:
    seen: list[str] = []
    stop = threading.Event()
    began = threading.Event()

    def watch() -> None:
        directory = agent.key_file.parent
        for changes in watchfiles.watch(
            directory, stop_event=stop, step=10, rust_timeout=50, yield_on_timeout=True
        ):
            began.set()
            if any(path == str(agent.key_file) for _, path in changes):
                seen.append(agent.key_file.read_text())

    reader = threading.Thread(target=watch)
    reader.start()
    try:
        assert began.wait(PATIENCE)
        for _ in range(ROTATIONS):
            key = rotate(agent)
            eventually(partial(contains, seen, key), "the change is seen")
    finally:
        stop.set()
        reader.join()


def test_who_polls_never_sees_a_part_of_a_key_or_none(agent: Agent) -> None:
    seen: list[str] = []
    stop = threading.Event()

    def poll() -> None:
        while not stop.is_set():
            content = agent.key_file.read_text()  # which fails the test if the file is missing
            if not seen or seen[-1] != content:
                seen.append(content)
            time.sleep(0.0002)

    reader = threading.Thread(target=poll)
    keys = [agent.key_file.read_text()]
    reader.start()
    try:
        for _ in range(ROTATIONS):
            keys.append(rotate(agent))
            eventually(lambda: seen[-1:] == keys[-1:], "the poller has the new key")
    finally:
        stop.set()
        reader.join()
    assert seen == keys


def test_who_holds_the_file_open_keeps_the_old_key_and_can_tell(agent: Agent) -> None:
    with agent.key_file.open() as held:
        first = held.read()
        assert os.fstat(held.fileno()).st_nlink == 1
        key = rotate(agent)
        held.seek(0)
        assert held.read() == first
        assert os.fstat(held.fileno()).st_nlink == 0, "the file that is open has no name any more"
    assert agent.key_file.read_text() == key != first


def test_a_directory_that_is_mounted_elsewhere_shows_every_key(
    agent: Agent, tmp_path: Path
) -> None:
    with bound(agent.key_file.parent, tmp_path) as point:
        for _ in range(ROTATIONS):
            assert rotate(agent) == (point / "billing").read_text()
    assert "mounted by itself" not in agent.command("check").stdout


def test_a_file_that_is_mounted_by_itself_never_changes_and_check_says_so(
    agent: Agent, tmp_path: Path
) -> None:
    point = tmp_path / "key"
    point.touch()
    with bound(agent.key_file, point):
        first = agent.key_file.read_text()
        for told in ("before a rotation", "after it"):
            done = agent.command("check")
            assert done.returncode == 0, told
            assert done.stdout.splitlines()[0] == (
                f"warning: keys.billing.files[0].path: is mounted by itself at {point}, where it "
                "never changes: mount its directory"
            ), told
            key = rotate(agent)
            assert point.read_text() == first != key
