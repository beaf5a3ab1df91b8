import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from freshkey.core.model.faults import FaultError
from freshkey.outputs.journal import Journal
from freshkey.outputs.state_dir import StateDirectory

from tests.outputs.helpers import names


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


def test_a_journal_that_the_system_can_not_read_is_a_fault(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(state)
    journal.write(b"one")

    def broken(*_: object, **__: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "open", broken)
    with pytest.raises(FaultError, match=r"journal\.json: Input/output error: see whether"):
        journal.read()
