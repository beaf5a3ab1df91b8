import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from freshkey.preflight.offline import accounts
from freshkey.preflight.offline.accounts import (
    can_give_to_group,
    can_give_to_user,
    group_passes,
    user_passes,
)

NOBODY = 4_000_000_001  # no user and no group of this machine
EVERY_ID = "         0          0 4294967295\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "directory"
    made.mkdir()
    return made


def test_one_can_give_to_oneself() -> None:
    assert can_give_to_user(os.geteuid())
    assert can_give_to_group(os.getegid())


@pytest.mark.parametrize(
    ("capabilities", "ids", "expected"),
    [
        ("CapEff:\t0000000000000001\n", EVERY_ID, True),
        ("Name:\tx\nCapEff:\t000001ffffffffff\n", EVERY_ID, True),
        ("CapEff:\t000001fffffffffe\n", EVERY_ID, False),
        ("CapEff:\t0000000000000001\n", "0 1000 1\n1 100000 65536\n", False),
        ("CapEff:\t0000000000000001\n", f"0 0 1\n{NOBODY} 5 1\n", True),
    ],
)
def test_giving_to_others_takes_a_capability_and_an_id_that_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capabilities: str, ids: str, *, expected: bool
) -> None:
    (tmp_path / "status").write_text(capabilities)
    (tmp_path / "ids").write_text(ids)
    monkeypatch.setattr(accounts, "_STATUS", tmp_path / "status")
    monkeypatch.setattr(accounts, "_UID_MAP", tmp_path / "ids")
    monkeypatch.setattr(accounts, "_GID_MAP", tmp_path / "ids")
    assert can_give_to_user(NOBODY) is expected
    assert can_give_to_group(NOBODY) is expected


@pytest.mark.parametrize(
    ("mode", "owner_passes", "member_passes", "root_passes"),
    [(0o700, True, False, True), (0o070, False, True, True), (0o007, False, False, True)],
)
def test_who_passes_a_directory(
    directory: Path, mode: int, *, owner_passes: bool, member_passes: bool, root_passes: bool
) -> None:
    directory.chmod(mode)
    status = directory.stat()
    if status.st_uid != 0:
        assert user_passes(status.st_uid, directory) is owner_passes
    assert group_passes(status.st_gid, directory) is member_passes
    assert user_passes(0, directory) is root_passes
    assert group_passes(NOBODY, directory) is bool(mode & 0o001)


def test_the_groups_of_an_unknown_user_are_unknown(directory: Path) -> None:
    """A container's process has groups that no file names: it may well be a member."""
    directory.chmod(0o710)
    assert user_passes(NOBODY, directory)
    directory.chmod(0o700)
    assert not user_passes(NOBODY, directory)


def test_the_groups_of_a_known_user_are_known(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory.chmod(0o710)
    group = directory.stat().st_gid
    user = SimpleNamespace(pw_name="known", pw_gid=NOBODY)
    monkeypatch.setattr(accounts, "pwd", SimpleNamespace(getpwuid=lambda _: user))
    monkeypatch.setattr(os, "getgrouplist", lambda _, primary: [primary, group])
    assert user_passes(NOBODY, directory)
    monkeypatch.setattr(os, "getgrouplist", lambda _, primary: [primary])
    assert not user_passes(NOBODY, directory)


def test_an_access_list_may_let_anybody_pass(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory.chmod(0o700)
    monkeypatch.setattr(os, "listxattr", lambda _: ["system.posix_acl_access"])
    assert user_passes(NOBODY, directory)
    assert group_passes(NOBODY, directory)
