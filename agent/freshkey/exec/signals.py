"""Signals as something to read, with who sent them: signalfd(2)."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from typing import TYPE_CHECKING, Final, NamedTuple, final

if TYPE_CHECKING:
    from collections.abc import Iterator

# What is not for the command: our children, faults of this very process, writes that fail, stops
# by the terminal because of something that we did ourselves, and what can't be blocked.
_OUR_OWN: Final = frozenset(
    {
        signal.SIGCHLD,
        signal.SIGABRT,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGSEGV,
        signal.SIGSYS,
        signal.SIGTRAP,
        signal.SIGPIPE,
        signal.SIGXFSZ,
        signal.SIGTTIN,
        signal.SIGTTOU,
        signal.SIGKILL,
        signal.SIGSTOP,
    }
)
PASSED_ON: Final = frozenset(signal.valid_signals()) - _OUR_OWN

# The terminal sends these to all of its foreground process group.
_OF_THE_TERMINAL: Final = frozenset(
    {
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGTSTP,
        signal.SIGWINCH,
    }
)
_FROM_KERNEL: Final = 0x80  # SI_KERNEL of asm-generic/siginfo.h
_SIZE: Final = 128  # bytes of struct signalfd_siginfo
_FIRST_FIELDS: Final = struct.Struct("=IiiI")  # number, errno, code, pid
_SFD_CLOEXEC: Final = os.O_CLOEXEC
_SFD_NONBLOCK: Final = os.O_NONBLOCK
_SIGSET_SIZE: Final = 128  # bytes of glibc's and musl's sigset_t


class Received(NamedTuple):
    """A signal, and the process that sent it, 0 for none that we can see."""

    number: int
    sender: int
    by_terminal: bool


@final
class SignalReader:
    """Blocks the signals of this process, and of threads that it starts later, and reads them.

    With a handler nobody would know whether a terminal sent one to the command, too. A signal
    that is ignored comes all the same, because it is blocked (sig_ignored in Linux).
    """

    def __init__(self) -> None:
        numbers = PASSED_ON | {signal.SIGCHLD}
        # Children of a process that ignores it leave no status (waitpid(2)).
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        libc = ctypes.CDLL(None, use_errno=True)
        mask = ctypes.create_string_buffer(_SIGSET_SIZE)
        libc.sigemptyset(mask)
        for number in numbers:
            libc.sigaddset(mask, number)
        self._descriptor: int = libc.signalfd(-1, mask, _SFD_CLOEXEC | _SFD_NONBLOCK)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def fileno(self) -> int:
        """Return what becomes readable when a signal came."""
        return self._descriptor

    def received(self) -> Iterator[Received]:
        """Give every signal that came since, each as it is asked for.

        A stop that was read ahead would be obeyed after the SIGCONT that takes it back.
        """
        while True:
            try:
                data = os.read(self._descriptor, _SIZE)
            except BlockingIOError:
                return
            number, _, code, sender = _FIRST_FIELDS.unpack_from(data)
            by_terminal = code == _FROM_KERNEL and number in _OF_THE_TERMINAL
            yield Received(number, sender, by_terminal)

    def close(self) -> None:
        """Close the descriptor; the signals stay blocked."""
        os.close(self._descriptor)
