"""The audit file under logrotate, on a full disk, and when something else takes its place."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.logs.audit_file import AuditFile, NotTakenError

from tests.support.mounting import small_disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOT_REGULAR = "it is not a regular file: name another path, or remove it"


class Clock:
    """Advances by a second at each look, which is more than the file is left unwatched."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two pages."""
    point = tmp_path / "disk"
    point.mkdir()
    with small_disk(point, "8k"):
        yield point


def refusal(file: AuditFile, *lines: bytes) -> NotTakenError:
    with pytest.raises(NotTakenError) as caught:
        file.append(lines)
    return caught.value


def test_lines_stay_in_order_and_whole(path: Path) -> None:
    file = AuditFile(path)
    file.append([b"one\n", b"two\n"])
    file.append([b"three\n"])
    assert path.read_bytes() == b"one\ntwo\nthree\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_moved_away_is_made_anew(path: Path) -> None:
    file = AuditFile(path, Clock())
    file.append([b"one\n"])
    moved = path.rename(path.with_suffix(".1"))
    file.append([b"two\n"])
    assert (moved.read_bytes(), path.read_bytes()) == (b"one\n", b"two\n")


def test_what_is_written_before_the_next_look_is_in_the_file_that_was_moved_away(
    path: Path,
) -> None:
    now = 0.0
    file = AuditFile(path, lambda: now)
    file.append([b"one\n"])
    moved = path.rename(path.with_suffix(".1"))
    now = 0.2
    file.append([b"two\n"])
    now = 0.3
    file.append([b"three\n"])
    assert (moved.read_bytes(), path.read_bytes()) == (b"one\ntwo\n", b"three\n")


def test_nothing_is_written_to_a_file_that_was_removed(path: Path) -> None:
    file = AuditFile(path, lambda: 0.0)
    for number in range(20):
        file.append([b"%d\n" % number])
        assert path.read_bytes() == b"%d\n" % number
        path.unlink()


def test_a_pipe_that_takes_the_name_while_the_file_is_opened_holds_nothing_up(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(b"one\n")
    opened = os.open

    def swap(*arguments: Any, **options: Any) -> int:  # noqa: ANN401 - whatever open(2) takes
        descriptor = opened(*arguments, **options)
        if arguments[0] == path:
            path.rename(path.with_suffix(".1"))
            os.mkfifo(path)
        return descriptor

    monkeypatch.setattr(os, "open", swap)
    AuditFile(path).append([b"two\n"])
    assert path.with_suffix(".1").read_bytes() == b"one\ntwo\n"


def test_a_file_that_is_copied_and_emptied_goes_on_at_its_start(path: Path) -> None:
    file = AuditFile(path)
    file.append([b"one\n"])
    shutil.copy(path, path.with_suffix(".1"))
    os.truncate(path, 0)
    file.append([b"two\n"])
    assert path.read_bytes() == b"two\n"


def test_a_full_disk_leaves_whole_lines_and_the_rest_is_named(disk: Path) -> None:
    path = disk / "audit"
    file = AuditFile(path, Clock())
    lines = [b"%0999d\n" % number for number in range(20)]
    caught = refusal(file, *lines)
    assert (caught.why, caught.rest) == ("No space left on device", 12)
    assert path.read_bytes() == b"".join(lines[:8])
    assert refusal(file, *lines).rest == 20
    assert path.read_bytes() == b"".join(lines[:8])
    os.truncate(path, 0)
    file.append(lines[:2])
    assert path.read_bytes() == b"".join(lines[:2])


def test_a_part_of_a_line_that_has_to_stay_is_ended(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    path = disk / "audit"
    file = AuditFile(path, Clock())
    with monkeypatch.context() as patched:
        patched.setattr(os, "ftruncate", refuse)  # as for a file that may only grow (chattr +a)
        assert refusal(file, b"x" * 8000 + b"\n", b"y" * 8000 + b"\n").rest == 1
    torn = path.read_bytes().partition(b"\n")[2]
    assert 0 < len(torn) < 8000
    os.truncate(path, len(torn) + 100)
    file.append([b"two\n"])
    assert path.read_bytes().endswith(b"x\ntwo\n")


def test_a_line_that_a_process_died_in_is_ended(path: Path) -> None:
    path.write_bytes(b"one\ntw")
    AuditFile(path).append([b"three\n"])
    assert path.read_bytes() == b"one\ntw\nthree\n"


@pytest.mark.parametrize(
    "make",
    [
        os.mkfifo,
        Path.mkdir,
        lambda path: path.symlink_to("/dev/full"),
        lambda path: path.symlink_to(path.with_name("elsewhere")),
    ],
)
def test_only_a_regular_file_is_written_to(path: Path, make: Callable[[Path], object]) -> None:
    """Also one that takes the place of the file, and for as long as it is there."""
    file = AuditFile(path, Clock())
    make(path)
    for _ in range(2):
        caught = refusal(file, b"one\n", b"two\n")
        assert (caught.why, caught.rest) == (NOT_REGULAR, 2)
    path.rename(path.with_name("away"))
    file.append([b"three\n"])
    path.rename(path.with_name("written"))
    make(path)
    assert refusal(file, b"four\n").why == NOT_REGULAR
    path.rename(path.with_name("away again"))
    file.append([b"five\n"])
    assert path.read_bytes() == b"five\n"
    assert path.with_name("written").read_bytes() == b"three\n"
    assert not path.with_name("elsewhere").exists()


def test_a_pipe_that_is_read_gets_nothing(path: Path) -> None:
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    assert refusal(AuditFile(path), b"one\n").why == NOT_REGULAR
    assert os.read(reader, 100) == b""
    os.close(reader)


def test_a_directory_that_is_missing_and_comes_back(path: Path) -> None:
    file = AuditFile(path / "audit", Clock())
    assert refusal(file, b"one\n").why == "No such file or directory"
    path.mkdir()
    file.append([b"two\n"])
    shutil.rmtree(path)
    assert refusal(file, b"three\n").why == "No such file or directory"
    path.mkdir()
    file.append([b"four\n"])
    assert (path / "audit").read_bytes() == b"four\n"


def test_a_file_that_failed_is_left_alone_for_a_second(path: Path) -> None:
    now = 10.0
    file = AuditFile(path / "audit", lambda: now)
    refusal(file, b"one\n")
    path.mkdir()
    now = 10.9
    caught = refusal(file, b"two\n", b"three\n")
    assert (caught.why, caught.rest) == ("No such file or directory", 2)
    now = 11.0
    file.append([b"four\n"])
    assert (path / "audit").read_bytes() == b"four\n"


def test_descriptors_are_not_left_open(path: Path) -> None:
    file, descriptors = AuditFile(path, Clock()), Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    for _ in range(20):
        file.append([b"one\n"])
        path.rename(path.with_suffix(".1"))
    os.mkfifo(path)
    for _ in range(20):
        refusal(file, b"two\n")
    assert len(list(descriptors.iterdir())) == before
