"""What hooks an agent owes after a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.hooks.done import NAME, DoneHooks
from freshkey.outputs.state_dir import StateDirectory
from structlog.testing import capture_logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def state(tmpfs_path: Path) -> Iterator[StateDirectory]:
    with StateDirectory.open(tmpfs_path / "state", allow_disk=False) as directory:
        yield directory


def test_a_restart_knows_what_was_done(state: StateDirectory) -> None:
    first = DoneHooks(state, {"billing": 0, "search": 0})
    assert first.of("billing") == 0
    first.remember("billing", 1)
    again = DoneHooks(state, {"billing": 2, "search": 1})
    assert (again.of("billing"), again.of("search")) == (1, 0)
    assert (state.path / NAME).stat().st_mode & 0o777 == 0o600


def test_what_was_published_before_there_were_hooks_is_none_of_theirs(
    state: StateDirectory,
) -> None:
    DoneHooks(state, {"search": 3})
    assert DoneHooks(state, {"search": 4, "billing": 7}).of("billing") == 7


def test_a_journal_that_begins_anew_has_its_first_publish_again(state: StateDirectory) -> None:
    DoneHooks(state, {"billing": 7})
    assert DoneHooks(state, {"billing": 0}).of("billing") == 0


def test_hooks_that_are_taken_away_and_come_back_owe_nothing(state: StateDirectory) -> None:
    DoneHooks(state, {"billing": 1})
    DoneHooks(state, {})
    assert not (state.path / NAME).exists()
    assert DoneHooks(state, {"billing": 5}).of("billing") == 5


@pytest.mark.parametrize("content", ["", "[]", "7", '{"billing": null}', '{"billing": "x"}', "\0"])
def test_a_file_that_is_none_of_ours(state: StateDirectory, content: str) -> None:
    (state.path / NAME).write_text(content)
    with capture_logs() as told:
        assert DoneHooks(state, {"billing": 5}).of("billing") == 5
    assert [line["event"] for line in told] == ["hooks.unreadable"]
    assert DoneHooks(state, {"billing": 6}).of("billing") == 5


def test_a_place_that_can_not_be_written(state: StateDirectory) -> None:
    (state.path / NAME).mkdir()
    with capture_logs() as told:
        done = DoneHooks(state, {"billing": 0})
        done.remember("billing", 1)
    assert done.of("billing") == 1
    assert [line["event"] for line in told] == ["hooks.unreadable", "hooks.not_kept"]


def test_without_a_journal_nothing_is_kept() -> None:
    done = DoneHooks(None, {"billing": 0})
    done.remember("billing", 1)
    assert done.of("billing") == 1


@pytest.mark.parametrize("content", [b'{"billing": Infinity}', b'{"billing": NaN}', b"[" * 9000])
def test_what_is_no_record_is_begun_anew(state: StateDirectory, content: bytes) -> None:
    (state.path / NAME).write_bytes(content)
    with capture_logs() as told:
        assert DoneHooks(state, {"billing": 1}).of("billing") == 1
    assert [line["event"] for line in told] == ["hooks.unreadable"]
