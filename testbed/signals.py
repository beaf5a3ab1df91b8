"""Signals that were ignored or blocked when we started, as under nohup(1) and some CI systems."""

import signal
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM)


def keep_from_children() -> None:
    """Let children start with every signal as usual; for this process nothing changes.

    What is ignored or blocked is inherited by execve(2), a handler isn't. So what is ignored gets
    one that does nothing: a terminal that hangs up still doesn't end what nohup started.
    """
    for number in ENDING:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, _do_nothing)
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:  # no child's exit status would be known
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _do_nothing(_signal: int, _frame: FrameType | None) -> None:
    pass
