"""`check` tells what keeps a hook from being done, and leaves alone what may come later."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from freshkey.preflight.offline.hooks import hook_findings
from freshkey.settings.keys import HookSettings

from tests.support.other_user import as_other_user

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def found(hook: HookSettings) -> list[tuple[tuple[str | int, ...], str]]:
    return [(item.place, item.message) for item in hook_findings(("hooks", 0), hook)]


def test_programs(tmpfs_path: Path) -> None:
    program = tmpfs_path / "reload"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    hook = HookSettings(command=(str(program), "x"))
    assert found(hook) == []
    program.chmod(0o722)
    assert found(hook) == [
        (
            ("hooks", 0, "command", 0),
            (
                f"{program} can be written by every user: leave it to root or the agent's user "
                "(chown, chmod go-w)"
            ),
        )
    ]
    program.chmod(0o600)
    message = f"{program} is no program that the agent can run: correct path and mode"
    assert found(hook) == [(("hooks", 0, "command", 0), message)]


def test_a_unit_needs_systemctl(monkeypatch: pytest.MonkeyPatch, tmpfs_path: Path) -> None:
    hook = HookSettings(signal="HUP", unit="billing.service")
    monkeypatch.setenv("PATH", str(tmpfs_path))
    message = f"there is no program systemctl in PATH ({tmpfs_path}): install it, or write its path"
    assert found(hook) == [(("hooks", 0, "unit"), message)]
    (tmpfs_path / "systemctl").symlink_to("/bin/true")
    assert found(hook) == []


def test_pid_files(tmpfs_path: Path) -> None:
    (tmpfs_path / "shut").mkdir()
    file = tmpfs_path / "shut" / "pid"
    hook = HookSettings(signal="HUP", pid_file=file)
    assert found(hook) == [], "its process may come later"
    file.write_text("4711")
    assert found(hook) == []
    with as_other_user(tmpfs_path / "shut"):
        user = os.geteuid()
        shut = found(hook)
    message = f"can't be read by user id {user}: give it the right, or use unit"
    assert shut == [(("hooks", 0, "pid_file"), message)]
