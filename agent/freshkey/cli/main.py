"""From arguments to an exit status: 0 done, 1 failed at run time, 2 wrong usage or settings."""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Final

from freshkey import settings
from freshkey.cli.failure import CommandError
from freshkey.core.model.text import one_line
from freshkey.host.byte_code import find_byte_code, stop_finding
from freshkey.host.imports import import_slim
from freshkey.logs.standard_error import occupy_standard_descriptors, tell

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

_NOT_WRITTEN: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})  # write(2)

SLIM: Final = {"check": ("msgspec",), "running": ("msgspec", "structlog")}
"""Libraries that have to be in, slim, before the modules of some commands."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; wrong usage raises SystemExit with 2."""
    occupy_standard_descriptors()
    gc.disable()  # what is imported stays, and to look through it again and again took 6 ms
    find_byte_code()
    import_slim("argparse")  # without gettext it takes 1 ms of 10 less
    from freshkey.cli.parser import make_parser  # noqa: PLC0415 - it imports argparse, which has to be in already, slim

    # A mask is inherited (sigprocmask(2)): with these blocked, only a kill -9 would end us.
    mask = signal.pthread_sigmask(
        signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    )
    try:
        try:
            given = sys.argv[1:] if arguments is None else arguments
            parser = make_parser(given[0] if given else None)
            parser.set_defaults(signal_mask=mask)
            return _run(parser.parse_args(given))
        finally:
            stop_finding()
            gc.enable()
            print(end="", flush=True)
    except CommandError as error:
        tell(f"freshkey: {one_line(str(error))}")
        return error.status
    except KeyboardInterrupt:
        tell("freshkey: interrupted")
        return 1
    except BrokenPipeError:
        _drop_output()
        return 1
    except OSError as error:
        told = f"standard output: {error.strerror}" if _is_of_output(error) else str(error)
        tell(f"freshkey: {told}")
        _drop_output()
        return 1
    except ModuleNotFoundError as error:
        tell(
            f"freshkey: {error.name} is missing: this installation has the client only; install "
            "what requirements/run.txt names"
        )
        return 1
    except settings.SettingsError as error:
        from freshkey.logs.redact import redact_text  # noqa: PLC0415 - 5 ms, for a faulty file alone

        for fault in error.faults:  # what it quotes may be a key in the wrong place
            tell(one_line(redact_text(str(fault))))
        return 2


def _run(options: Namespace) -> int:
    """Import a command when it is used: those that ask a running agent are quick to start."""
    module, _, name = options.command.partition(":")
    if sys.stdout is None and module not in {*SLIM, "exec", "version"}:
        raise CommandError("standard output is closed, and this command has nothing else to do")
    if module in SLIM:
        import_slim(*SLIM[module])
    command = getattr(import_module(f"freshkey.cli.{module}"), name)
    if module != "running":  # the agent imports more, and collects then (RemoteExecutor.prepare)
        gc.enable()
    status: int = command(options)
    return status


def _is_of_output(error: OSError) -> bool:
    """Whether it is of a write that failed: what writes to a file says which."""
    return error.filename is None and error.errno in _NOT_WRITTEN


def _drop_output() -> None:
    """Keep the interpreter from flushing, and failing, once more at its end."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
