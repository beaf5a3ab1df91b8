"""Key files that could not be written or read, or that too many could open."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from freshkey.preflight.offline import host as host_check
from freshkey.preflight.offline.host import host_warnings
from freshkey.settings import load

from tests.preflight.offline.checking import NOBODY, faults
from tests.settings.files import NO_VARIABLES, config, written

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("machine")


@pytest.mark.parametrize(
    ("mode", "warnings"),
    [("0440", 0), ("0751", 0), ("0444", 1), ("0442", 1), ("0777", 1)],
)
def test_a_key_file_that_everybody_may_open(tmp_path: Path, mode: str, warnings: int) -> None:
    text = config(key=f'files = [{{path = "keys/billing", mode = "{mode}"}}]')
    found = [str(one) for one in host_warnings(load(written(tmp_path, text), NO_VARIABLES))]
    message = (
        "keys.billing.files[0].mode: lets every user who can pass its directory open it: use "
        '"0440", and a group for the readers'
    )
    assert found == [message] * warnings


def test_a_key_file_that_is_mounted_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by `docker -v file:file`, or by a subPath in Kubernetes."""
    (tmp_path / "key").touch()
    monkeypatch.setattr(host_check, "is_mounted_alone", lambda path: path == tmp_path / "key")
    key = 'files = [{path = "key"}, {path = "other"}]'
    (fault,) = faults(tmp_path, key=key)
    assert fault.startswith("keys.billing.files[0].path: is mounted by itself")
    assert fault.endswith(": mount its directory")


@pytest.mark.parametrize("kind", ["directory", "link", "fifo"])
def test_a_target_that_is_no_regular_file(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "target"
    match kind:
        case "directory":
            target.mkdir()
        case "link":
            target.symlink_to("config.toml")
        case _:
            os.mkfifo(target)
    assert faults(tmp_path, key='files = [{path = "target"}]') == [
        (
            "keys.billing.files[0].path: is there, and is not a regular file: name another path, "
            "or remove it"
        )
    ]


def test_a_target_that_is_there_already(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("the key before")
    assert faults(tmp_path, key='files = [{path = "target"}]') == []


def test_a_directory_that_everybody_can_write(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    key = 'files = [{path = "shared/below/billing"}]'
    shared.chmod(0o1777)
    assert faults(tmp_path, key) == []
    shared.chmod(0o777)
    (found,) = faults(tmp_path, key)
    assert found.startswith(f"keys.billing.files[0].path: {shared}: everybody can write here")


@pytest.mark.parametrize(
    ("file", "reader"),
    [
        (f'owner = "{NOBODY}"', "user"),
        (f'group = "{NOBODY}"', "group"),
        (f'owner = "{NOBODY}", mode = "0040"', None),
        (f'group = "{NOBODY}", mode = "0404"', None),
        ('mode = "0444"', None),
    ],
)
def test_a_reader_who_cannot_reach_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, reader: str | None
) -> None:
    """Named, and let in by the file's mode: then each directory that is there has to be passed."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (tmp_path / "by_link").symlink_to("closed")
    monkeypatch.setattr(host_check, "user_passes", lambda _, directory: directory != closed)
    monkeypatch.setattr(host_check, "group_passes", lambda _, directory: directory != closed)
    expected = [
        (
            f"keys.billing.files[0].path: can't be reached by {reader} {NOBODY}, who can't pass "
            f"{closed} (0700): chmod +x it for them, or use another directory"
        )
    ]
    found = faults(tmp_path, f'files = [{{path = "by_link/below/billing", {file}}}]')
    assert found == (expected if reader else [])


def test_links_that_lead_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    assert faults(tmp_path, f'files = [{{path = "circle/key", owner = "{os.geteuid()}"}}]') == []
