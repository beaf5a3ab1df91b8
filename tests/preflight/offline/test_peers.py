"""Rules of `allow` that no peer could match, or that the agent could not see one match."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from freshkey.preflight.offline.peers import peer_findings
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
