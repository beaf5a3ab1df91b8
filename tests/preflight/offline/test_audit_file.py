"""An audit file that could not be written, or would be written slowly."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from freshkey.preflight.offline import host as host_check
from freshkey.preflight.offline.host import host_faults, host_warnings
from freshkey.settings import load

from tests.preflight.offline.checking import faults
from tests.settings.files import NO_VARIABLES, config, written
from tests.support.other_user import as_other_user

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("machine")


def test_an_audit_file_that_can_not_be_added_to(tmp_path: Path) -> None:
    (tmp_path / "record").write_text("")
    (tmp_path / "link").symlink_to("record")
    (tmp_path / "directory").mkdir()
    expected = {
        "new": [],
        "record": [],
        "link": ["log.audit_file: is not a regular file: name another path, or remove it"],
        "directory": ["log.audit_file: is not a regular file: name another path, or remove it"],
        "missing/record": [
            f"log.audit_file: can't be made: there is no directory {tmp_path}/missing: make it"
        ],
    }
    for name, lines in expected.items():
        assert faults(tmp_path, more=f'[log]\naudit_file = "{name}"') == lines


def test_an_audit_file_that_is_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused = "log.audit_file: is not a regular file: name another path, or remove it"
    for name in (tmp_path / "pipe", "/dev/full", "/dev/stderr"):
        assert faults(tmp_path, more=f'[log]\naudit_file = "{name}"') == [refused]


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse", "fuse.sshfs"])
def test_an_audit_file_whose_writes_wait_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(host_check, "file_system", lambda _: kind)
    text = config(more='[log]\naudit_file = "record"')
    (found,) = host_warnings(load(written(tmp_path, text), NO_VARIABLES))
    assert str(found) == (
        f"log.audit_file: {tmp_path}/record is on {kind}, and every answer waits for a write to "
        "it: use a local file system"
    )
    assert host_warnings(load(written(tmp_path, config()), NO_VARIABLES)) == ()


@pytest.mark.parametrize("kind", ["ext4", "xfs", "tmpfs", "overlay", "btrfs", "zfs", None])
def test_an_audit_file_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str | None
) -> None:
    monkeypatch.setattr(host_check, "file_system", lambda _: kind)
    text = config(more='[log]\naudit_file = "record"')
    assert host_warnings(load(written(tmp_path, text), NO_VARIABLES)) == ()


def test_an_audit_file_that_can_not_be_seen(tmp_path: Path) -> None:
    shut = tmp_path / "shut" / "below"
    shut.mkdir(parents=True)
    more = '[state]\ndirectory = "/dev/shm"\n[log]\naudit_file = "shut/below/record"'
    settings = load(written(tmp_path, config(more=more)), NO_VARIABLES)
    with as_other_user(shut.parent):
        (found,) = host_faults(settings)
    assert found.path == "log.audit_file"
    assert "(Permission denied)" in found.message
