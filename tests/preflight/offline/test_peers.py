"""Rules of `allow` that no peer could match, or that the agent could not see one match."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from freshkey.preflight.offline import peers
from freshkey.preflight.offline.peers import peer_findings, peer_warnings
from freshkey.settings import load
from freshkey.settings.faults import rendered

from tests.settings.files import NO_VARIABLES, config, written

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def visible(tmp_path: Path) -> Path:
    """A process of which all can be seen."""
    process = tmp_path / "1"
    process.mkdir()
    (process / "exe").symlink_to(sys.executable)
    (process / "cgroup").write_text("0::/init.scope\n")
    return process


def found(directory: Path, allow: str, process: Path) -> list[str]:
    settings = load(written(directory, config(key=f"allow = [{{{allow}}}]")), NO_VARIABLES)
    return [f"{rendered(item.place)}: {item.message}" for item in peer_findings(settings, process)]


def test_rules_that_can_be_told(tmp_path: Path, visible: Path) -> None:
    allow = f'user = "root", group = "0", unit = "a.service", executable = "{sys.executable}"'
    assert found(tmp_path, allow, visible) == []


def test_names_that_are_unknown(tmp_path: Path, visible: Path) -> None:
    user, group = found(tmp_path, 'user = "no-such-user", group = "no-such-group"', visible)
    hint = "on this machine: create it, or use a numeric id"
    assert user == f"keys.billing.allow[0].user: no user 'no-such-user' {hint}"
    assert group == f"keys.billing.allow[0].group: no group 'no-such-group' {hint}"


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (None, 0, "can't be found (No such file or directory): correct the path"),
        (b"data", 0o644, "is no program: name the file that the kernel runs"),
        (
            b"#!/bin/sh\n",
            0o755,
            "is a script, and its process runs the interpreter: use unit or user",
        ),
    ],
)
def test_what_is_no_program(
    tmp_path: Path, visible: Path, content: bytes | None, mode: int, message: str
) -> None:
    program = tmp_path / "program"
    if content is not None:
        program.write_bytes(content)
        program.chmod(mode)
    assert found(tmp_path, f'executable = "{program}"', visible) == [
        f"keys.billing.allow[0].executable: {message}"
    ]


def test_what_proc_hides(tmp_path: Path) -> None:
    hidden = tmp_path / "2"
    allow = f'unit = "a.service", executable = "{sys.executable}"'
    executable, unit = found(tmp_path, allow, hidden)
    assert executable.startswith(
        "keys.billing.allow[0].executable: can't be seen of other users' processes by user id "
        f"{os.geteuid()}: give the agent CAP_SYS_PTRACE"
    )
    assert unit.startswith("keys.billing.allow[0].unit: can't be seen of other users' processes")
    assert found(tmp_path, 'user = "root"', hidden) == [], "a peer's ids are always seen"


@pytest.mark.parametrize(
    "unit", ["a", "billing.timer", "user-1000.slice", ".service", "a b.service", "/"]
)
def test_what_is_no_unit_of_a_process(tmp_path: Path, visible: Path, unit: str) -> None:
    (told,) = found(tmp_path, f'user = "root", unit = "{unit}"', visible)
    assert told == (
        f'keys.billing.allow[0].unit: is "{unit}", which is no service or scope: '
        'write "billing.service"'
    )


def test_units_of_which_processes_are(tmp_path: Path, visible: Path) -> None:
    for unit in ("docker-12.scope", "a:b.service", "dev-\\\\x2d.service", "billing@1.service"):
        assert found(tmp_path, f'unit = "{unit}"', visible) == []


def test_a_unit_of_a_users_own_manager(tmp_path: Path, visible: Path) -> None:
    assert found(tmp_path, 'unit = "user@1000.service"', visible) == [
        "keys.billing.allow[0].unit: is of a user's own manager, and never matches: use user"
    ]


def test_units_for_which_systemd_takes_a_credential(tmp_path: Path, visible: Path) -> None:
    """It names them itself at the credential socket, whatever their slice."""
    for unit in ("user@1000.service", "billing.socket", "billing@1.service", "a.scope"):
        key = f'allow = [{{unit = "{unit}"}}]\ncredential = {{socket = "billing.cred"}}'
        settings = load(written(tmp_path, config(key=key)), NO_VARIABLES)
        assert [*peer_findings(settings, visible), *peer_warnings(settings)] == []


def test_an_instance_that_may_be_in_a_slice_of_its_own(tmp_path: Path) -> None:
    key = 'allow = [{unit = "billing@1.service"}, {unit = "billing.service"}]'
    settings = load(written(tmp_path, config(key=key)), NO_VARIABLES)
    (warned,) = peer_warnings(settings)
    assert warned.place == ("keys", "billing", "allow", 0, "unit")
    assert "matches only if the unit has Slice=system.slice" in warned.message


def test_ids_that_stand_for_those_of_other_namespaces(
    tmp_path: Path, visible: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "overflow_uid", lambda: 4001)
    monkeypatch.setattr(peers, "overflow_gid", lambda: 4002)
    assert found(tmp_path, 'user = "4002", group = "4001"', visible) == []
    user, group = found(tmp_path, 'user = "4001", group = "4002"', visible)
    assert user == (
        "keys.billing.allow[0].user: 4001 stands for every user of other user namespaces, and "
        "never matches: give the client a user of its own"
    )
    assert group.startswith("keys.billing.allow[0].group: 4002 stands for every group of")


def test_a_name_for_such_an_id(
    tmp_path: Path, visible: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "overflow_uid", lambda: 0)
    (user,) = found(tmp_path, 'user = "root"', visible)
    assert user.startswith("keys.billing.allow[0].user: root (0) stands for every user of other")


def test_clients_of_the_gateway_are_peers_too(tmp_path: Path, visible: Path) -> None:
    more = '[gateway]\nsocket = "openai.sock"\n[[gateway.clients]]\nunit = "a"\nuser = "65534"'
    settings = load(written(tmp_path, config(more=more)), NO_VARIABLES)
    places = {rendered(item.place) for item in peer_findings(settings, visible)}
    assert places == {"gateway.clients[0].unit", "gateway.clients[0].user"}
