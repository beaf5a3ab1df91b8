"""Key files that are gone when an agent starts again, with a real journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.daemon import lost_files
from freshkey.daemon.lost_files import write_lost_files

from tests.daemon.on_disk import OnDisk, settings

if TYPE_CHECKING:
    from collections.abc import Callable
HOUR = 3600.0


@pytest.fixture
def on_disk(on_disk: OnDisk) -> OnDisk:
    """An agent that has published a key."""

    async def publish() -> None:
        async with trio.open_nursery() as nursery:
            await on_disk.start(nursery)
            on_disk.loop.stop()
            await trio.sleep(1)
            nursery.cancel_scope.cancel()

    trio.run(publish, clock=trio.testing.MockClock(autojump_threshold=0))
    return on_disk


@pytest.fixture
def start_again(on_disk: OnDisk, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def start(after: float = 60.0, *, persist: bool = True) -> None:
        current = on_disk.loop.state.keys[0].current
        assert current is not None
        now = current.lease.started_at + after
        monkeypatch.setattr(lost_files, "boot_time", lambda: now)
        path = on_disk.key_file.parent.parent
        write_lost_files(settings(path, persist=persist), on_disk.directory)

    return start


def test_a_lost_file_is_as_it_was(on_disk: OnDisk, start_again: Callable[..., None]) -> None:
    before = on_disk.key_file.stat()
    on_disk.key_file.unlink()
    start_again()
    assert on_disk.key_file.read_text() == on_disk.key
    assert on_disk.key_file.stat().st_mode == before.st_mode


def test_a_file_that_is_there_is_left_alone(
    on_disk: OnDisk, start_again: Callable[..., None]
) -> None:
    on_disk.key_file.write_text("another")
    start_again()
    assert on_disk.key_file.read_text() == "another"


def test_a_key_that_has_ended_is_left_to_the_daemon(
    on_disk: OnDisk, start_again: Callable[..., None]
) -> None:
    on_disk.key_file.unlink()
    start_again(HOUR)
    assert not on_disk.key_file.exists()


@pytest.mark.parametrize("identity", ["machine_id", "boot_id"])
def test_a_journal_of_another_boot_is_left_to_the_daemon(
    identity: str,
    on_disk: OnDisk,
    start_again: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_disk.key_file.unlink()
    monkeypatch.setattr(lost_files, identity, lambda: "another")
    start_again()
    assert not on_disk.key_file.exists()


@pytest.mark.parametrize("content", [b"", b"{}", None])
def test_a_journal_that_cannot_be_used_stays_where_it_is(
    content: bytes | None, on_disk: OnDisk, start_again: Callable[..., None]
) -> None:
    on_disk.key_file.unlink()
    on_disk.journal.unlink()
    if content is not None:
        on_disk.journal.write_bytes(content)
    start_again()
    assert not on_disk.key_file.exists()
    assert on_disk.journal.exists() is (content is not None)


def test_without_a_journal_nothing_is_known(
    on_disk: OnDisk, start_again: Callable[..., None]
) -> None:
    on_disk.key_file.unlink()
    start_again(persist=False)
    assert not on_disk.key_file.exists()


def test_a_file_that_cannot_be_written_is_left_to_the_daemon(
    on_disk: OnDisk, start_again: Callable[..., None]
) -> None:
    on_disk.key_file.unlink()
    directory = on_disk.key_file.parent
    directory.rmdir()
    directory.write_text("no directory")
    start_again()
    assert directory.read_text() == "no directory"
