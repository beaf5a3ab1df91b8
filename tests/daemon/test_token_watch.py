"""A token file that is replaced while the agent runs, in virtual time."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from errno import EACCES
from typing import TYPE_CHECKING, NoReturn

import pytest
import trio
from freshkey.core.model.secret import Secret
from freshkey.daemon.token_watch import LOOK_EVERY, watch_token

if TYPE_CHECKING:
    from pathlib import Path

    from freshkey.core.model.events import CredentialChanged
    from trio.testing import MockClock

Look = Callable[[], Awaitable[int]]

OLD, NEW = "hvs.old", "hvs.new"


@pytest.fixture
async def look(tmp_path: Path, nursery: trio.Nursery) -> Look:
    """Let the watch look again; return how many events it has sent since the last time."""
    events: list[CredentialChanged] = []
    nursery.start_soon(watch_token, tmp_path / "token", lambda: Secret(OLD), events.append)

    async def look() -> int:
        await trio.sleep(LOOK_EVERY * 1.01)
        count = len(events)
        events.clear()
        return count

    return look


async def test_another_token_is_told_of_once(
    tmp_path: Path, look: Look, autojump_clock: MockClock
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{OLD}\n")
    assert [await look(), await look()] == [0, 0]
    file.write_text(f"{NEW}\n")
    assert [await look(), await look()] == [1, 0]


async def test_another_token_by_a_rename(
    tmp_path: Path, look: Look, autojump_clock: MockClock
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{OLD}\n")
    assert await look() == 0
    (tmp_path / "next").write_text(f"{NEW}\n")
    (tmp_path / "next").rename(file)
    assert [await look(), await look()] == [1, 0]


async def test_another_token_that_was_there_from_the_start(
    tmp_path: Path, look: Look, autojump_clock: MockClock
) -> None:
    """The journal's token is in use, and the file was replaced before the agent began."""
    (tmp_path / "token").write_text(NEW)
    assert [await look(), await look()] == [1, 0]


async def test_the_same_token_again_is_no_news(
    tmp_path: Path, look: Look, autojump_clock: MockClock
) -> None:
    file = tmp_path / "token"
    for content in (OLD, f"{OLD}\n", f" {OLD}"):
        file.write_text(content)
        assert await look() == 0


async def test_no_file_and_no_token_are_no_news(
    tmp_path: Path, look: Look, autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "token"
    assert await look() == 0
    file.write_text("")
    assert [await look(), await look()] == [0, 0]
    assert capsys.readouterr().out.count("credential.unusable") == 1
    file.unlink()
    assert await look() == 0
    file.write_text(NEW)
    assert await look() == 1


async def test_a_mode_that_is_corrected_is_noticed(
    tmp_path: Path, look: Look, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(NEW)
    file.chmod(0o600)

    def denied(*_: object) -> NoReturn:
        raise PermissionError(EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", denied)  # root reads every file
        assert await look() == 0
    touched = file.stat().st_ctime_ns
    while file.stat().st_ctime_ns == touched:  # the kernel's clock has ticks
        file.chmod(0o640)
    assert [await look(), await look()] == [1, 0]
