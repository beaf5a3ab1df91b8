"""The file itself: there, readable, TOML, and nobody else's to write."""

import errno
import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest
from freshkey.settings import SettingsError, SettingsFault, load, trust
from freshkey.settings.trust import writable_by

from tests.settings.files import NO_VARIABLES, config, written

NOBODY = 4_000_000_001  # neither root, nor us, nor known to this machine


def fault_of(path: Path) -> SettingsFault:
    with pytest.raises(SettingsError) as caught:
        load(path, NO_VARIABLES)
    (fault,) = caught.value.faults
    assert "\n" not in str(fault)
    return fault


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    assert str(fault_of(path)) == (
        f"{path}: there is no such file: name the configuration with --config or FRESHKEY_CONFIG"
    )


def test_a_directory(tmp_path: Path) -> None:
    assert fault_of(tmp_path).message == "can't be read: Is a directory"


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    path = written(tmp_path, config())
    monkeypatch.setattr(Path, "open", refuse)  # root, as which tests may run, reads everything
    assert fault_of(path).message == f"can't be read by user id {os.geteuid()}: give it the right"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[vault]\nx = \n", "is not valid TOML: Invalid value (at line 2, column 5)"),
        (b"x = 1\nx = 1\n", "is not valid TOML: Cannot overwrite a value (at line 2, column 6)"),
        (b"x = '\xff'", "is not UTF-8 at byte 5: save it as UTF-8"),
        (b"x = " + b"[" * 5000, "nests too deep to be read: nothing in a configuration does"),
    ],
)
def test_what_is_no_toml(tmp_path: Path, content: bytes, message: str) -> None:
    path = written(tmp_path, "")
    path.write_bytes(content)
    assert fault_of(path).message == message


def test_a_number_that_is_too_long(tmp_path: Path) -> None:
    fault = fault_of(written(tmp_path, f"x = {'9' * 5000}"))
    assert fault.message.startswith("is not valid TOML: ")
    assert len(fault.message) < 200


def test_a_file_that_everybody_can_write(tmp_path: Path) -> None:
    path = written(tmp_path, config())
    path.chmod(0o602)
    assert fault_of(path).message == (
        "can be written by every user: leave it to root or the agent's user (chown, chmod go-w)"
    )


def status(*, uid: int, gid: int, mode: int) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 1, uid, gid, 0, 0, 0, 0))


def test_who_may_write() -> None:
    own, group = os.geteuid(), pwd.getpwuid(os.geteuid()).pw_gid
    assert writable_by(status(uid=own, gid=NOBODY, mode=0o100644)) is None
    assert writable_by(status(uid=0, gid=NOBODY, mode=0o100644)) is None
    assert writable_by(status(uid=NOBODY, gid=group, mode=0o100600)) == (
        f"its owner, user {NOBODY}"
    )
    assert writable_by(status(uid=own, gid=NOBODY, mode=0o100660)) == f"group {NOBODY}"
    assert writable_by(status(uid=own, gid=group, mode=0o100666)) == "every user"


@pytest.mark.parametrize(
    ("listed", "primary_too", "expected"),
    [
        ([], [], None),
        (["me"], [], None),
        (["me", "other"], [], "group mine"),
        ([], ["other"], "group mine"),
        (["gone"], [], "group mine"),
    ],
)
def test_a_group_of_ones_own_is_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
    listed: list[str],
    primary_too: list[str],
    expected: str | None,
) -> None:
    """Debian and Fedora make such a group for each user, and Fedora's umask lets it write."""
    uids = {"me": os.geteuid(), "other": NOBODY}
    users = [SimpleNamespace(pw_uid=uids[name], pw_gid=7) for name in ("me", *primary_too)]
    monkeypatch.setattr(
        trust,
        "pwd",
        SimpleNamespace(
            getpwnam=lambda name: SimpleNamespace(pw_uid=uids[name]), getpwall=lambda: users
        ),
    )
    group = SimpleNamespace(gr_name="mine", gr_mem=listed)
    monkeypatch.setattr(trust, "grp", SimpleNamespace(getgrgid=lambda _: group))
    assert writable_by(status(uid=os.geteuid(), gid=7, mode=0o100664)) == expected
