"""Owners and groups that a file or a socket can't be given."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from freshkey.preflight.offline import owners

from tests.preflight.offline.checking import NOBODY, faults

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("machine")


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
