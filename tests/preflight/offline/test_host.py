import os
from pathlib import Path

import pytest
from freshkey.preflight.offline import host as host_check
from freshkey.preflight.offline import owners
from freshkey.preflight.offline.host import host_faults, host_warnings
from freshkey.settings import load

from tests.settings.files import NO_VARIABLES, config, written
from tests.support.other_user import as_other_user

NOBODY = 4_000_000_001


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose memory is everywhere but below `disk`, and an agent that may chown."""
    monkeypatch.setattr(host_check, "is_memory_backed", lambda path: "disk" not in path.parts)
    monkeypatch.setattr(owners, "can_give_to_user", lambda _: True)
    monkeypatch.setattr(owners, "can_give_to_group", lambda _: True)


def faults(directory: Path, key: str = "", more: str = "") -> list[str]:
    settings = load(written(directory, config(key=key, more=more)), NO_VARIABLES)
    return [str(fault) for fault in host_faults(settings)]


def test_a_machine_that_has_all_it_takes(tmp_path: Path) -> None:
    assert faults(tmp_path, key='files = [{path = "keys/billing"}]') == []


def test_secrets_on_a_disk(tmp_path: Path) -> None:
    key = 'files = [{path = "disk/billing"}]'
    state = '[state]\ndirectory = "disk/state"\n'
    message = "is not on tmpfs or ramfs: move it there, or set state.allow_disk = true"
    assert faults(tmp_path, key, state) == [
        f"keys.billing.files[0].path: {message}",
        f"state.directory: {message}",
    ]
    assert faults(tmp_path, key, f"{state}allow_disk = true") == []


def test_a_state_directory_that_can_not_be_made(tmp_path: Path) -> None:
    parent = tmp_path / "shut"
    parent.mkdir()
    text = config(more=f'[state]\ndirectory = "{parent}/state"\n')
    settings = load(written(tmp_path, text), NO_VARIABLES)
    tmp_path.chmod(0o711)
    with as_other_user(parent):
        user, found = os.geteuid(), host_faults(settings)
    (fault,) = found
    assert fault.path == "state.directory"
    # The nearest directory that this user can see; pytest's own may be shut to it.
    assert fault.message.startswith(f"can't be made: user {user} can't write in /")
    assert fault.message.endswith(": correct its owner or mode")


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


@pytest.mark.parametrize("kind", ["ext4", "xfs", "tmpfs", "overlay", "btrfs", "zfs", None])
def test_an_audit_file_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str | None
) -> None:
    monkeypatch.setattr(host_check, "file_system", lambda _: kind)
    text = config(more='[log]\naudit_file = "record"')
    assert host_warnings(load(written(tmp_path, text), NO_VARIABLES)) == ()


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


def test_names_that_do_not_exist(tmp_path: Path) -> None:
    accounts = 'owner = "no-such-user", group = "no-such-group"'
    server = '[server]\nowner = "no-such-user"\ngroup = "no-such-group"'
    key = f'files = [{{path = "k", {accounts}}}]\ncredential = {{socket = "c", {accounts}}}'
    found = faults(tmp_path, key, server)
    user = "no user 'no-such-user' on this machine: create it, or use a numeric id"
    group = "no group 'no-such-group' on this machine: create it, or use a numeric id"
    assert found == [
        f"keys.billing.files[0].owner: {user}",
        f"keys.billing.files[0].group: {group}",
        f"server.owner: {user}",
        f"server.group: {group}",
        f"keys.billing.credential.owner: {user}",
        f"keys.billing.credential.group: {group}",
    ]


def test_accounts_that_cannot_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "can_give_to_user", lambda _: False)
    monkeypatch.setattr(owners, "can_give_to_group", lambda _: False)
    accounts = f'owner = "{NOBODY}"\ngroup = "{NOBODY}"'
    credential = f'[keys.billing.credential]\nsocket = "c"\n{accounts}'
    found = faults(tmp_path, more=f"[server]\n{accounts}\n{credential}")
    message = (
        f"{NOBODY} can't be set by user id {os.geteuid()}: give the agent CAP_CHOWN, or run it "
        "as that user or in that group"
    )
    assert found == [
        f"{table}.{option}: {message}"
        for table in ("server", "keys.billing.credential")
        for option in ("owner", "group")
    ]


def test_a_group_that_the_directory_gives_needs_no_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owners, "can_give_to_group", lambda _: False)
    (tmp_path / "keys").mkdir(mode=0o755)
    group = (tmp_path / "keys").stat().st_gid
    key = f'files = [{{path = "keys/a", group = "{group}"}}]'
    assert any("can't be set" in fault for fault in faults(tmp_path, key=key))
    (tmp_path / "keys").chmod(0o2755)
    assert not any("can't be set" in fault for fault in faults(tmp_path, key=key))


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


def test_an_audit_file_that_can_not_be_seen(tmp_path: Path) -> None:
    shut = tmp_path / "shut" / "below"
    shut.mkdir(parents=True)
    more = '[state]\ndirectory = "/dev/shm"\n[log]\naudit_file = "shut/below/record"'
    settings = load(written(tmp_path, config(more=more)), NO_VARIABLES)
    with as_other_user(shut.parent):
        (found,) = host_faults(settings)
    assert found.path == "log.audit_file"
    assert "(Permission denied)" in found.message
