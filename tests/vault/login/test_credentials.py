from __future__ import annotations

import os
from errno import EACCES
from typing import TYPE_CHECKING, NoReturn

import pytest
from freshkey.core.model.faults import FaultError, FaultKind
from freshkey.core.model.secret import Secret
from freshkey.vault.answers import cleaning
from freshkey.vault.login.credentials import (
    read_credential,
    read_password,
    remove_credential,
)
from structlog.testing import capture_logs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "content",
    [
        "hvs.token",
        "hvs.token\n",
        "\r\n hvs.token \n\n",
        "\ufeffhvs.token\r\n",
        "\xa0hvs.token\u2028",
    ],
)
def test_white_space_around_a_credential_is_dropped(tmp_path: Path, content: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(content.encode())
    assert read_credential(file, "token_file") == Secret("hvs.token")


Event = dict[str, str]


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """What is logged, with `level`."""
    events: list[Event] = []

    class Log:
        def info(self, event: str, **fields: str) -> None:
            events.append({"event": event, "level": "info", **fields})

        def warning(self, event: str, **fields: str) -> None:
            events.append({"event": event, "level": "warning", **fields})

    monkeypatch.setattr(cleaning, "log", Log())
    return events


def test_what_is_taken_off_is_logged_once_for_each_value(
    tmp_path: Path, logged: list[Event]
) -> None:
    file = tmp_path / "token"
    for content in ("\ufeffhvs.one\r\n", "\ufeffhvs.one\r\n", "hvs.two", " hvs.three"):
        file.write_bytes(content.encode())
        read_credential(file, "token_file")
    assert [event["taken_off"] for event in logged] == [
        "a byte order mark before and a carriage return, a line feed after",
        "a space before",
    ]
    assert {(event["option"], event["path"], event["level"]) for event in logged} == {
        ("auth.token_file", str(file), "warning")
    }
    assert "hvs" not in str(logged)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_end_of_a_line_is_no_warning(tmp_path: Path, logged: list[Event], end: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(f"hvs.one{end}".encode())
    read_credential(file, "AWS_WEB_IDENTITY_TOKEN_FILE")
    (event,) = logged
    assert (event["level"], event["option"]) == ("info", "AWS_WEB_IDENTITY_TOKEN_FILE")


def refusal(path: Path) -> str:
    with pytest.raises(FaultError) as caught:
        read_credential(path, "token_file")
    fault = caught.value.fault
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message.startswith(f"auth.token_file {path} ")
    assert "\n" not in fault.message
    return fault.message


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xef\xbb\xbf\r\n", "is empty"),
        (b"hvs.one\nhvs.two", "has a line feed at character 8 of 15"),
        (b"hvs.one two", "has a space at character 8 of 11: it must hold the credential alone"),
        (b"hvs.\xc3\xa9", "has a character outside ASCII (U+00E9) at character 5 of 5"),
        (b"hvs.\x00", "has a null character at character 5 of 5"),
        (b"hvs.\xff", "is not UTF-8 at byte 4: save the credential as UTF-8"),
        ("\ufeffhvs.one".encode("utf-16-le"), "is UTF-16: save the credential as UTF-8"),
        ("\ufeffhvs.one".encode("utf-16-be"), "is UTF-16: save the credential as UTF-8"),
        (b"x" * 70_000, "holds more than 64 KiB: it must hold the credential alone"),
    ],
)
def test_a_file_that_holds_no_credential(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    message = refusal(file)
    assert problem in message
    assert "hvs." not in message


def test_a_missing_file(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "token")


def test_a_directory(tmp_path: Path) -> None:
    assert "not a regular file" in refusal(tmp_path)


def test_a_named_pipe_does_not_hold_up_the_agent(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "token")
    assert "not a regular file" in refusal(tmp_path / "token")


def test_a_path_through_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "Not a directory" in refusal(tmp_path / "file" / "token")


def test_a_file_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> NoReturn:
        raise PermissionError(EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", denied)  # root reads every file
    assert f"can't be read by user {os.geteuid()}" in refusal(tmp_path / "token")


@pytest.mark.parametrize("content", ["p\u00e4ss", " p ", "\tp", "p\np", "\xa0p"])
@pytest.mark.parametrize(("before", "after"), [("", ""), ("", "\n"), ("\ufeff", "\r\n\n")])
def test_a_password_loses_line_ends_and_no_spaces(
    tmp_path: Path, content: str, before: str, after: str
) -> None:
    file = tmp_path / "password"
    file.write_bytes(f"{before}{content}{after}".encode())
    assert read_password(file, "password_file") == Secret(content)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        ("\ufeffhunter2".encode("utf-16-le"), "is UTF-16: save the password as UTF-8"),
        (b"hunter2\xff", "is not UTF-8 at byte 7"),
        (b"hunter2" * 10_000, "more than 64 KiB"),
    ],
)
def test_a_file_that_holds_no_password(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)
    with pytest.raises(FaultError) as caught:
        read_password(file, "password_file")
    assert problem in caught.value.fault.message
    assert "hunter2" not in caught.value.fault.message


def test_a_credential_that_was_used_is_removed(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("hvs.one")
    read_credential(file, "token_file")
    remove_credential(file)
    assert not file.exists()
    remove_credential(file)


@pytest.mark.parametrize("rename", [True, False])
def test_a_credential_that_was_delivered_since_is_left(tmp_path: Path, *, rename: bool) -> None:
    file = tmp_path / "token"
    file.write_text("hvs.one")
    read_credential(file, "token_file")
    before = file.stat().st_mtime_ns
    while file.stat().st_mtime_ns == before:  # the kernel's clock has ticks
        file.write_text("hvs.two")
    if rename:
        (tmp_path / "next").write_text("hvs.two")
        (tmp_path / "next").rename(file)
    for _ in range(2):
        remove_credential(file)
        assert file.read_text() == "hvs.two"


def test_a_credential_that_can_not_be_removed_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text("hvs.one")
    read_credential(file, "token_file")

    def denied(*_: object) -> NoReturn:
        raise PermissionError(EACCES, "Permission denied")

    monkeypatch.setattr(type(file), "unlink", denied)  # root removes every file
    with capture_logs() as events:
        remove_credential(file)
    assert [event["event"] for event in events] == ["credential.not_removed"]
