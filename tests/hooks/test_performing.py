"""What comes of a hook."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.hooks.performing import Occasion, Outcome, perform
from freshkey.settings.keys import HookSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OCCASION = Occasion("billing", 7, "7-0123abcd")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("exit 0", None),
        ("exit 3", "ended with status 3"),
        ("kill -TERM $$", "was ended by SIGTERM"),
        ("kill -40 $$", "was ended by signal 40"),
        ("exec sleep 300", "did not end within 1 s, and was killed"),
    ],
)
async def test_how_a_command_ends(
    script: Callable[[str], Path], text: str, fault: str | None
) -> None:
    hook = HookSettings(command=(str(script(text)),), timeout=1.0 if "sleep" in text else 30.0)
    assert await perform(hook, OCCASION) == Outcome(fault)


async def test_what_a_command_is_told(script: Callable[[str], Path]) -> None:
    program = script('echo "$FRESHKEY_KEY $FRESHKEY_GENERATION $FRESHKEY_TAG $1"')
    outcome = await perform(HookSettings(command=(str(program), "a b")), OCCASION)
    assert outcome == Outcome(None, ("billing 7 7-0123abcd a b",))


async def test_a_program_that_others_can_write_is_not_run(
    script: Callable[[str], Path], tmpfs_path: Path
) -> None:
    program = script(f"touch {tmpfs_path}/ran")
    program.chmod(0o777)
    outcome = await perform(HookSettings(command=(str(program),)), OCCASION)
    assert outcome.fault is not None
    assert outcome.fault.startswith(f"{program} can be written by every user: ")
    assert not (tmpfs_path / "ran").exists()


async def test_a_program_that_can_not_be_run(tmpfs_path: Path) -> None:
    program = tmpfs_path / "program"
    program.write_text("#!/nowhere/interpreter\n")
    program.chmod(0o700)
    outcome = await perform(HookSettings(command=(str(program),)), OCCASION)
    assert outcome == Outcome(f"{program} can't be run: No such file or directory")


async def test_a_signal(tmpfs_path: Path) -> None:
    process = await trio.lowlevel.open_process(["sleep", "300"])
    (tmpfs_path / "pid").write_text(str(process.pid))
    hook = HookSettings(signal="USR1", pid_file=tmpfs_path / "pid")
    assert await perform(hook, OCCASION) == Outcome()
    with trio.fail_after(60):
        assert await process.wait() == -signal.SIGUSR1
    fault = f"there is no process {process.pid} any more: is it starting?"
    assert await perform(hook, OCCASION) == Outcome(fault)


def test_a_locale_without_umlauts_is_no_obstacle(tmpfs_path: Path) -> None:
    program = tmpfs_path / "größe"
    program.write_text('#!/bin/sh\nprintf "%s" "$1" | od -An -tx1\n')
    program.chmod(0o700)
    text = (
        "import trio\n"
        "from freshkey.hooks.performing import Occasion, perform\n"
        "from freshkey.settings.keys import HookSettings\n"
        f"hook = HookSettings(command=({str(program)!a}, {'ü'!a}))\n"
        "print(trio.run(perform, hook, Occasion('billing', 1, 'x')))\n"
    )
    environment = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PATH": os.defpath}
    command = [sys.executable, "-X", "utf8=0", "-c", text]
    said = subprocess.check_output(command, env=environment, text=True, stderr=subprocess.STDOUT)
    assert said == "Outcome(fault=None, output=(' c3 bc',), is_cut=False)\n"
