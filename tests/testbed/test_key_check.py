from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testbed.emulator.organization import PROJECT_ID
from testbed.key_check import KeyCheck, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from testbed.emulator.process import OpenAIServer


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "key"


@pytest.fixture
def check(file: Path, openai_server: OpenAIServer) -> Iterator[KeyCheck]:
    check = KeyCheck(file, openai_server.port)
    yield check
    check.close()


def test_a_key_works_until_its_account_is_deleted(
    check: KeyCheck, file: Path, openai_server: OpenAIServer
) -> None:
    assert check.look() is Outcome.MISSING
    account, key = openai_server.create_key(PROJECT_ID)
    file.write_text(f"{key}\n")
    assert check.look() is Outcome.WORKS
    assert check.key == key
    openai_server.delete_account(account)
    assert check.look() is Outcome.REFUSED
    file.write_text("")
    assert check.look() is Outcome.MISSING


@pytest.mark.parametrize("text", ["sk-of-nobody", "two\nlines", "schlüssel", "\0"])
def test_what_is_no_key_is_refused(check: KeyCheck, file: Path, text: str) -> None:
    file.write_text(text)
    assert check.look() is Outcome.REFUSED


def test_a_dead_key_that_was_replaced_meanwhile_is_not_held_against_anybody(
    check: KeyCheck, file: Path, openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key = openai_server.create_key(PROJECT_ID)
    texts = iter(["sk-of-nobody", key, key])
    monkeypatch.setattr(check, "_read", lambda: next(texts))
    assert check.look() is Outcome.WORKS
