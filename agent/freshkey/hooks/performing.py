"""Does what a hook says, once."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from freshkey.core.model.struct import Struct
from freshkey.hooks.errors import HookError
from freshkey.hooks.programs import find_program
from freshkey.hooks.signalling import signal_pid_file, signal_unit
from freshkey.host.command import run_command
from freshkey.host.environment import clean_environment

if TYPE_CHECKING:
    from freshkey.settings.keys import HookSettings


class Occasion(Struct, frozen=True):
    """A publish: which key, and which generation of it."""

    key: str
    generation: int
    tag: str


class Outcome(Struct, frozen=True):
    """What came of a hook: `fault` says why it failed. `output` is that of a command, masked."""

    fault: str | None = None
    output: tuple[str, ...] = ()
    is_cut: bool = False


async def perform(hook: HookSettings, occasion: Occasion) -> Outcome:
    """Run a hook's command, or send its signal, within its timeout."""
    try:
        if hook.command:
            return await _run(hook, occasion)
        await _signal(hook)
    except HookError as error:
        return Outcome(str(error))
    return Outcome()


async def _run(hook: HookSettings, occasion: Occasion) -> Outcome:
    environment = clean_environment(
        {
            "FRESHKEY_KEY": occasion.key,
            "FRESHKEY_GENERATION": str(occasion.generation),
            "FRESHKEY_TAG": occasion.tag,
        }
    )
    program = find_program(hook.command[0], environment)
    try:
        ended = await run_command(program, hook.command, environment, hook.timeout)
    except OSError as error:
        raise HookError(f"{program} can't be run: {error.strerror}") from None
    return Outcome(_fault(ended.status, hook.timeout), ended.output, ended.is_cut)


def _fault(status: int | None, timeout: float) -> str | None:
    match status:
        case 0:
            return None
        case None:
            return f"did not end within {timeout:g} s, and was killed"
        case _ if status < 0:
            return f"was ended by {_name_of(-status)}"
        case _:
            return f"ended with status {status}"


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


async def _signal(hook: HookSettings) -> None:
    number = signal.Signals[f"SIG{hook.signal}"]
    if hook.pid_file is not None:
        signal_pid_file(hook.pid_file, number)
    elif hook.unit is not None:
        await signal_unit(hook.unit, number, hook.timeout)
