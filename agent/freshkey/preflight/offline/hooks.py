"""Whether the hooks of a key can be run here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from freshkey.hooks.errors import HookError
from freshkey.hooks.programs import find_program
from freshkey.host.environment import clean_environment
from freshkey.settings.faults import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from freshkey.settings.faults import Place
    from freshkey.settings.keys import HookSettings


def hook_findings(place: Place, hook: HookSettings) -> Iterator[Finding]:
    """List what keeps a hook from being done; a process that does not run yet is no fault."""
    needed: dict[Place, str] = {("command", 0): hook.command[0]} if hook.command else {}
    if hook.unit is not None:
        needed["unit",] = "systemctl"
    for option, program in needed.items():
        try:
            find_program(program, clean_environment({}))
        except HookError as error:
            yield Finding((*place, *option), str(error))
    if hook.pid_file is not None and not _readable(hook.pid_file):
        yield Finding(
            (*place, "pid_file"),
            f"can't be read by user id {os.geteuid()}: give it the right, or use unit",
        )


def _readable(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return os.access(path, os.R_OK)
