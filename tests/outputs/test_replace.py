import os
import resource
from pathlib import Path
from threading import Event, Thread

import pytest
from freshkey.core.model.faults import FaultError
from freshkey.outputs.access import Access
from freshkey.outputs.directories import OPEN_DIRECTORY
from freshkey.outputs.replace import replace

from tests.outputs.helpers import in_child, names

PRIVATE = Access(mode=0o600)


def put(path: Path, content: bytes) -> None:
    directory = os.open(path.parent, OPEN_DIRECTORY)
    try:
        replace(directory, path, content, PRIVATE)
    finally:
        os.close(directory)


def test_a_short_write_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: really(fd, data[:3]))
    put(tmp_path / "file", b"0123456789")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_a_write_that_is_cut_short_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    put(path, b"old")

    def with_a_limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
        put(path, bytes(100))

    assert "File too large: raise the limit" in in_child(with_a_limit)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_parent_that_is_swapped_for_a_link_redirects_nothing(tmp_path: Path) -> None:
    parent, elsewhere = tmp_path / "parent", tmp_path / "elsewhere"
    parent.mkdir()
    elsewhere.mkdir()
    directory = os.open(parent, OPEN_DIRECTORY)
    parent.rename(tmp_path / "moved")
    parent.symlink_to(elsewhere)
    try:
        replace(directory, parent / "file", b"new", PRIVATE)
    finally:
        os.close(directory)
    assert names(elsewhere) == []
    assert names(tmp_path / "moved") == ["file"]


def test_a_temporary_name_that_somebody_guessed_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, trap, elsewhere = tmp_path / "file", tmp_path / "trap", tmp_path / "elsewhere"
    elsewhere.write_bytes(b"precious")
    monkeypatch.setattr("freshkey.outputs.replace._prefix", lambda _: "trap")
    monkeypatch.setattr("secrets.token_hex", lambda _: "")
    for make in (trap.symlink_to, trap.hardlink_to):
        make(elsewhere)
        with pytest.raises(FaultError, match="File exists"):
            put(path, b"secret")
        trap.unlink()
    assert elsewhere.read_bytes() == b"precious"
    assert not path.exists()


def test_no_file_is_ever_open_to_more_than_it_will_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    really = os.write

    def look(fd: int, data: bytes) -> int:
        # Other threads of the tests' process write, too: to the log's stream, to pytest's files.
        if Path(f"/proc/self/fd/{fd}").readlink().parent == tmp_path:
            seen.append(os.fstat(fd).st_mode & 0o777)
        return really(fd, data)

    monkeypatch.setattr(os, "write", look)
    before = os.umask(0)
    try:
        put(tmp_path / "file", b"content")
    finally:
        os.umask(before)
    assert seen == [0o600]


def test_a_file_that_is_mounted_by_itself_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object, **__: object) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(os, "rename", busy)  # what rename(2) says of a mount point
    with pytest.raises(FaultError, match="mount its directory"):
        put(tmp_path / "file", b"content")
    assert names(tmp_path) == []


def test_a_reader_never_sees_a_part(tmpfs_path: Path) -> None:
    path = tmpfs_path / "file"
    contents = (b"a" * 100, b"b" * 70_000)
    put(path, contents[0])
    seen: set[bytes] = set()
    stop = Event()

    def read() -> None:
        while not stop.is_set():
            seen.add(path.read_bytes())

    reader = Thread(target=read)
    reader.start()
    try:
        for turn in range(200):
            put(path, contents[turn % 2])
    finally:
        stop.set()
        reader.join()
    assert seen <= set(contents)
