"""What comes before the daemon: a log, a hardened process, the state directory's lock, lost files.

It does without trio, whose import, with what stands on it, is half of a restart.
"""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING

from freshkey.core.model.faults import FaultError
from freshkey.daemon.hardening import secure, warn_of_swap
from freshkey.daemon.lost_files import write_lost_files
from freshkey.host.imports import import_slim
from freshkey.logs.setup import configure
from freshkey.logs.standard_error import tell
from freshkey.outputs.state_dir import StateDirectory

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.core.model.faults import Fault
    from freshkey.daemon.config_file import ConfigFile
    from freshkey.settings.model import Settings


def run(settings: Settings, file: ConfigFile, *, lock_memory: bool = False) -> int:
    """Run the daemon until SIGTERM or SIGINT; return the exit status.

    The settings are what `file` said.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is somebody to obey it
    return _locked(settings, partial(_run, settings, file), lock_memory=lock_memory)


def once(settings: Settings, timeout: float) -> int:
    """Get every key within `timeout` seconds, for a `run` that follows; return the exit status."""
    return _locked(settings, partial(_once, settings, timeout))


def _run(settings: Settings, file: ConfigFile, directory: StateDirectory) -> int:
    import_slim("trio")
    import trio  # noqa: PLC0415 - 45 ms: lost files are written without

    from freshkey.daemon import main  # noqa: PLC0415 - 15 ms: lost files are written without

    return trio.run(main.run, settings, file, directory)


def _once(settings: Settings, timeout: float, directory: StateDirectory) -> int:
    import_slim("trio")
    import trio  # noqa: PLC0415 - 45 ms: lost files are written without

    from freshkey.daemon.once import get_keys  # noqa: PLC0415 - 15 ms: lost files are written without

    return trio.run(get_keys, settings, timeout, directory)


def _locked(
    settings: Settings, main: Callable[[StateDirectory], int], *, lock_memory: bool = False
) -> int:
    configure(settings.log.level, settings.log.format)
    secure(lock_memory=lock_memory)
    state = settings.state
    try:
        with StateDirectory.open(state.directory, allow_disk=state.allow_disk) as directory:
            write_lost_files(settings, directory)
            warn_of_swap(settings)
            return main(directory)
    except (FaultError, BaseExceptionGroup) as error:
        fault = _fault_in(error)
        if fault is None:
            raise
        tell(f"freshkey: {fault.message}")
        return 1


def _fault_in(error: BaseException) -> Fault | None:
    """Return the fault that ended the agent; nurseries wrap it in groups of one."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        (error,) = error.exceptions
    return error.fault if isinstance(error, FaultError) else None
