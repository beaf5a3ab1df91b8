import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from freshkey.core.model.faults import FaultError
from freshkey.outputs.journal import Journal
from freshkey.outputs.state_dir import StateDirectory

from tests.outputs.helpers import names

_LOCK = 1  # the file beside the journal


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDirectory]:
    with StateDirectory.open(tmp_path / "state", allow_disk=True) as state:
        yield state


def test_what_was_written_is_read(state: StateDirectory) -> None:
    journal = Journal(state)
    assert journal.read() is None
    journal.write(b"one")
    journal.write(b"two")
    assert journal.read() == Journal(state).read() == b"two"
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    assert names(state.path) == ["journal.json", "lock"]


def test_a_removed_journal_is_gone(state: StateDirectory) -> None:
    journal = Journal(state)
    journal.write(b"one")
    journal.remove()
    journal.remove()
    assert journal.read() is None
    assert names(state.path) == ["lock"]


def test_what_is_no_file_is_set_aside_too(state: StateDirectory) -> None:
    journal = Journal(state)
    for _ in range(5):
        journal.path.mkdir()
        with pytest.raises(FaultError):
            journal.read()
        assert journal.set_aside().is_dir()
        assert journal.read() is None
    journal.path.symlink_to("/dev/zero")
    assert journal.set_aside().is_symlink()
    journal.write(b"one")
    assert journal.read() == b"one"


def test_unreadable_ones_are_set_aside_and_only_the_last_few_stay(state: StateDirectory) -> None:
    journal = Journal(state)
    for number in range(1, 13):
        journal.write(b"%d" % number)
        aside = journal.set_aside()
        assert aside.read_bytes() == b"%d" % number
        assert journal.read() is None
    assert sorted(path.name for path in state.path.glob("journal*")) == [
        "journal.json.unreadable-10",
        "journal.json.unreadable-11",
        "journal.json.unreadable-12",
    ]


def test_a_link_is_not_followed(state: StateDirectory, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"not a journal")
    journal = Journal(state)
    journal.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FaultError, match="not a regular file"):
        journal.read()


def failing(number: int) -> Callable[..., int]:
    """A call to the system that fails with this errno."""

    def call(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    return call


def test_a_journal_that_the_system_can_not_read_is_a_fault(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(state)
    journal.write(b"one")

    monkeypatch.setattr(os, "open", failing(errno.EIO))
    with pytest.raises(FaultError, match=r"journal\.json: Input/output error: see whether"):
        journal.read()


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch, state: StateDirectory) -> list[int]:
    """How many journals the disk has room for, as its only entry."""
    limit = [2]
    opened = os.open

    def fails(path: Any, flags: int, *args: Any, **options: Any) -> int:  # noqa: ANN401 - os.open's
        if flags & os.O_CREAT and len(names(state.path)) - _LOCK >= limit[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return opened(path, flags, *args, **options)

    monkeypatch.setattr(os, "open", fails)
    return limit


def test_without_room_for_two_the_old_one_goes_first(
    state: StateDirectory, room: list[int]
) -> None:
    journal = Journal(state)
    journal.write(b"one")
    room[0] = 1
    journal.write(b"two")
    assert journal.read() == b"two"
    assert journal.change() is None


def test_without_any_room_there_is_none_rather_than_an_old_one(
    state: StateDirectory, room: list[int]
) -> None:
    journal = Journal(state)
    journal.write(b"one")
    room[0] = 0
    with pytest.raises(FaultError, match="No space left on device"):
        journal.write(b"two")
    assert journal.read() is None
    assert journal.change() is None
    room[0] = 2
    journal.write(b"three")
    assert journal.read() == b"three"


def test_what_can_not_be_written_for_another_reason_stays(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(state)
    journal.write(b"one")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", failing(errno.EROFS))
        with pytest.raises(FaultError, match="Read-only"):
            journal.write(b"two")
    assert journal.read() == b"one"
