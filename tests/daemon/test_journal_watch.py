"""A journal that somebody else changes while the agent runs, in virtual time."""

from __future__ import annotations

import os
import stat
from errno import ENOSPC
from typing import TYPE_CHECKING

import pytest

from tests.daemon.tampering import replace_by_an_empty_one
from tests.outputs.helpers import names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import trio
    from trio.testing import MockClock

    from tests.daemon.on_disk import OnDisk


def remove_journal(path: Path) -> None:
    path.unlink()


def overwrite(path: Path) -> None:
    path.write_text("{}")


def open_to_all(path: Path) -> None:
    path.chmod(0o644)


def replace(path: Path) -> None:
    path.with_name("other").write_text("other")
    path.with_name("other").rename(path)


def link(path: Path) -> None:
    path.rename(path.with_name("other"))
    path.symlink_to("other")


def make_a_directory(path: Path) -> None:
    path.unlink()
    (path / "full").mkdir(parents=True)


@pytest.mark.parametrize(
    ("harm", "aside"),
    [
        (remove_journal, False),
        (overwrite, False),
        (open_to_all, False),
        (replace, True),
        (link, True),
        (make_a_directory, True),
    ],
)
async def test_the_journal_is_written_anew(
    on_disk: OnDisk,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    harm: Callable[[Path], None],
    aside: bool,
) -> None:
    await on_disk.start(nursery)
    harm(on_disk.journal)
    await on_disk.look()
    assert on_disk.is_journaled()
    assert not on_disk.journal.is_symlink()
    assert stat.S_IMODE(on_disk.journal.stat().st_mode) == 0o600
    assert on_disk.events() == ["journal.set_aside"] * aside + ["journal.restored"]
    assert ("journal.json.unreadable-1" in names(on_disk.state)) == aside


async def test_a_journal_that_is_as_it_was_left_is_not_written_again(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await on_disk.start(nursery)
    before = on_disk.journal.stat().st_ino
    on_disk.journal.touch()
    await on_disk.look()
    os.link(on_disk.journal, on_disk.state / "link")
    await on_disk.look()
    assert on_disk.journal.stat().st_ino == before
    assert on_disk.told == []


def replace_state(journal: Path) -> None:
    replace_by_an_empty_one(journal.parent)


@pytest.mark.parametrize("harm", [remove_journal, replace, make_a_directory, replace_state])
async def test_a_journal_that_could_not_be_written_does_not_wait_for_the_next_state(
    on_disk: OnDisk,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    harm: Callable[[Path], None],
) -> None:
    def full(*_: object) -> None:
        raise OSError(ENOSPC, os.strerror(ENOSPC))

    await on_disk.start(nursery)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        harm(on_disk.journal)
        await on_disk.look()
        assert on_disk.events()[-1:] == ["journal.failed"]
    assert not on_disk.journal.exists()
    await on_disk.look()
    assert on_disk.is_journaled()
    assert [line["event"] for line in on_disk.told] == ["journal.recovered"]
