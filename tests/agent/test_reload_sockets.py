"""Sockets, who may use them, and the record of reads follow a changed configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.agent.reconfiguring import change, reload

if TYPE_CHECKING:
    from pathlib import Path

    from tests.agent.harness import Agent


def test_sockets_and_rules_change(reloadable: Agent, tmpfs_path: Path) -> None:
    credential = '[keys.billing.credential]\nsocket = "billing.cred"\n'
    change(reloadable, "[log]", f"{credential}[log]")
    reload(reloadable)
    assert (tmpfs_path / "billing.cred").is_socket()
    inode = (tmpfs_path / "freshkey.sock").stat().st_ino
    change(reloadable, 'socket = "freshkey.sock"', 'socket = "freshkey.sock"\nmode = "0600"')
    reload(reloadable)
    status = (tmpfs_path / "freshkey.sock").stat()
    assert (status.st_ino, status.st_mode & 0o777) == (inode, 0o600)
    change(reloadable, credential, '[[keys.billing.allow]]\nuser = "12345"\n')
    reload(reloadable)
    assert not (tmpfs_path / "billing.cred").exists()
    assert reloadable.get("/v1/keys/billing")[0] == 403
    change(reloadable, 'user = "12345"', 'user = "root"')
    reload(reloadable)
    assert reloadable.get("/v1/keys/billing")[0] == 200
    change(reloadable, "freshkey.sock", "moved.sock")
    reload(reloadable)
    assert (tmpfs_path / "moved.sock").is_socket()
    assert not (tmpfs_path / "freshkey.sock").exists()


def test_a_group_that_is_named_no_more_is_taken_back(reloadable: Agent, tmpfs_path: Path) -> None:
    path = tmpfs_path / "freshkey.sock"
    usual = path.stat().st_gid
    change(reloadable, "[server]", '[server]\ngroup = "12345"')
    reload(reloadable)
    assert path.stat().st_gid == 12345
    change(reloadable, 'group = "12345"\n', "")
    reload(reloadable)
    assert path.stat().st_gid == usual


def test_logs_go_where_the_new_configuration_says(reloadable: Agent) -> None:
    change(reloadable, 'audit_file = "audit"', 'audit_file = "other"\nlevel = "debug"')
    reload(reloadable)
    assert (reloadable.key() or {})["tag"]
    read = (reloadable.directory / "other").read_text()
    assert '"event": "key.read"' in read
