"""Signals: those that are inherited from who started us, and those that come at a bad moment."""

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


class StopSignal:
    """Turns true with SIGINT, SIGTERM, or SIGHUP; more of them change nothing.

    Nothing is raised: what is being started or stopped then goes on to its end, in order.
    """

    def __init__(self) -> None:
        self._requested = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._request)

    def __call__(self) -> bool:
        """Whether one has come."""
        return self._requested

    def _request(self, _signal: int, _frame: FrameType | None) -> None:
        self._requested = True


class HeldSignals:
    """Holds SIGINT and SIGTERM back from its making on until `release`, which lets them come."""

    def __init__(self) -> None:
        self._came: list[int] = []
        self._before = {
            number: signal.signal(number, lambda number, _: self._came.append(number))
            for number in (signal.SIGINT, signal.SIGTERM)
        }

    def release(self) -> None:
        """Handle them as before, those first that have come."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        while self._came:
            signal.raise_signal(self._came.pop())


def _do_nothing(_signal: int, _frame: FrameType | None) -> None:
    pass
