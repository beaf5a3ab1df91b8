"""The key from a file."""

from __future__ import annotations

import copy
import math
import os
import pickle
import threading
from typing import TYPE_CHECKING

import pytest
from freshkey.client import (
    AsyncFileKey,
    AsyncSocketKey,
    FileKey,
    NoKeyError,
    SetupError,
    SocketKey,
)
from freshkey.client.httpx import KeyAuth

from tests.cli.agent import KEY
from tests.support.other_user import as_other_user

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "billing"


def test_each_call_reads_the_file(path: Path) -> None:
    key = FileKey(path)
    for text in (KEY, KEY + "-2"):
        path.write_text(text)
        assert key() == text


def test_a_missing_file_has_some_time_to_come(path: Path) -> None:
    key = FileKey(str(path), wait=30)
    path.touch()  # nothing in it yet: a writer that does not rename
    writer = threading.Timer(0.2, path.write_text, [KEY])
    writer.start()
    try:
        assert key() == KEY
    finally:
        writer.join()


def test_one_that_stays_away_is_told_of(path: Path) -> None:
    with pytest.raises(NoKeyError, match=r"billing: there is no key .* is the agent running\?"):
        FileKey(path, wait=0.1)()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (f"{KEY}\n", "one word, without a newline"),
        (f" {KEY}", "one word"),
        (f"{KEY} {KEY}", "one word"),
        (f"{KEY}é", "one word"),
        (f"{KEY}\0", "one word"),
        (f'{{"key": "{KEY}"}}', 'the format "raw" only'),
        (f"OPENAI_API_KEY={KEY}", 'the format "raw" only'),
        (KEY * 1000, "too long"),
    ],
)
def test_what_is_no_key_is_refused_and_not_quoted(path: Path, content: str, told: str) -> None:
    path.write_text(content)
    with pytest.raises(SetupError, match=told) as caught:
        FileKey(path)()
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_key_may_look_otherwise(path: Path) -> None:
    for text in ("sk-a=b", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln=="):
        path.write_text(text)
        assert FileKey(path)() == text


def test_a_directory_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="Is a directory"):
        FileKey(tmp_path)()


def test_a_pipe_holds_nobody_up(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(SetupError, match="billing: this is not a regular file: name the key's"):
        FileKey(path, wait=0)()


@pytest.mark.parametrize("wait", [math.nan, -1, -0.1])
@pytest.mark.parametrize(
    "make",
    [
        lambda wait: FileKey("billing", wait=wait),
        lambda wait: AsyncFileKey("billing", wait=wait),
        lambda wait: SocketKey("billing", wait=wait),
        lambda wait: AsyncSocketKey("billing", wait=wait),
        lambda wait: KeyAuth(FileKey("billing"), wait=wait),
    ],
)
def test_a_wait_that_has_no_end_or_none_to_come(
    make: Callable[[float], object], wait: float
) -> None:
    with pytest.raises(ValueError, match=f"wait is a number of seconds, 0 or more, not {wait}"):
        make(wait)


def test_a_file_that_may_not_be_read_is_told_of_at_once(path: Path) -> None:
    path.write_text(KEY)
    with (
        as_other_user(path.parent),
        pytest.raises(SetupError, match=r"may not be read by user id \d+: join the file's group"),
    ):
        FileKey(path)()


def test_nothing_shows_or_copies_the_key(path: Path) -> None:
    path.write_text(KEY)
    key = FileKey(path)
    assert key() == KEY
    assert repr(key) == f"FileKey({str(path)!r})"
    assert KEY.encode() not in pickle.dumps(key)
    assert pickle.loads(pickle.dumps(key))() == copy.deepcopy(key)() == KEY  # noqa: S301 - pickled here
