"""Runs a program of somebody else's: closed in, watched, and ended with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple, final

import trio

from freshkey.logs.redact import redact_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LONGEST: Final = 4096  # bytes of its output that are kept
GRACE: Final = 2.0  # seconds from SIGTERM to SIGKILL
HASTY: Final = 1.0  # the same, when the agent itself is to end
_REAPING: Final = 1.0  # seconds; a process that was killed is gone in far less
_CHUNK: Final = 65536
_MOST_LEFT: Final = 16  # chunks in the pipe at its end: something else may go on filling it
_UMASK: Final = 0o022  # the agent's own would keep what it makes from everybody


class Ended(NamedTuple):
    """How a program ended: its status, or minus its signal; None: it had to be killed.

    `output` is the beginning of what it wrote, by lines, with all secrets masked; `is_cut`: there
    was more.
    """

    status: int | None
    output: tuple[str, ...] = ()
    is_cut: bool = False


async def run_command(
    program: Path, command: Sequence[str], environment: Mapping[str, str], seconds: float
) -> Ended:
    """Run a program for at most `seconds`, in a session of its own, with nothing to read.

    `command` is its argv. Raises OSError if it can't be started. Cancelled, it is ended at once.
    """
    process: trio.Process = await trio.lowlevel.open_process(
        [argument.encode() for argument in command],  # whatever the locale
        executable=program,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        cwd="/",
        umask=_UMASK,
        env=dict(environment),
    )
    output = _Output()
    status: int | None = None
    try:
        async with trio.open_nursery() as beside:
            beside.start_soon(output.read, process.stdout)
            with trio.move_on_after(seconds):
                status = await process.wait()
            if status is None:
                await _end(process, GRACE)
            beside.cancel_scope.cancel()
        output.read_rest(process.stdout)
    except BaseException:  # the agent ends: a nursery may have wrapped the cancellation
        await _end(process, HASTY)
        raise
    finally:
        await _close(process)
    return Ended(status, *output.lines())


async def _end(process: trio.Process, grace: float) -> None:
    """End it and what it started, which is in its group (setsid(2)).

    One that has become another user's, or hangs in the kernel, can't be ended and is left.
    """
    with trio.CancelScope(shield=True):
        _signal_group(process, signal.SIGTERM)
        with trio.move_on_after(grace):
            await process.wait()
        _signal_group(process, signal.SIGKILL)  # also when only what it started is left
        with trio.move_on_after(_REAPING):
            await process.wait()


def _signal_group(process: trio.Process, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


async def _close(process: trio.Process) -> None:
    if process.stdout is not None:
        with trio.CancelScope(shield=True):
            await process.stdout.aclose()


@final
class _Output:
    """Keeps the beginning of what is read, and drops the rest: the writer must not have to wait."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._dropped = False

    async def read(self, stream: trio.abc.ReceiveStream | None) -> None:
        """Read until the end, or until cancelled."""
        while stream is not None and (chunk := await stream.receive_some(_CHUNK)):
            self._take(chunk)

    def read_rest(self, stream: trio.abc.ReceiveStream | None) -> None:
        """Read what is in the pipe by now. Its end is not waited for: others may hold it open."""
        if not isinstance(stream, trio.lowlevel.FdStream):
            return
        for _ in range(_MOST_LEFT):
            try:
                chunk = os.read(stream.fileno(), _CHUNK)
            except BlockingIOError:
                return
            if not chunk:
                return
            self._take(chunk)

    def _take(self, chunk: bytes | bytearray) -> None:
        room = LONGEST - len(self._kept)
        self._kept += chunk[:room]
        self._dropped = self._dropped or len(chunk) > room

    def lines(self) -> tuple[tuple[str, ...], bool]:
        """Return it by lines, masked, and whether something is missing.

        Of a text that is cut the last word is dropped: half a secret would not be recognised.
        """
        text = self._kept.decode(errors="backslashreplace")
        if self._dropped and not text[-1].isspace():
            text = text[: -len(text.split()[-1])]
        return tuple(redact_text(text).splitlines()), self._dropped
