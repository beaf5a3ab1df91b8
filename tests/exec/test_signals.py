"""What is read of signals, in a process of its own: it blocks them."""

from __future__ import annotations

import subprocess
import sys

# SIGCONT takes back every stop that is still pending (signal(7), kernel/signal.c).
STOPPED_AND_CONTINUED = """
import os, signal
from freshkey.exec.signals import SignalReader

reader = SignalReader()
for number in (signal.SIGCHLD, signal.SIGTSTP):
    os.kill(os.getpid(), number)
received = reader.received()
print(next(received).number == signal.SIGCHLD)
os.kill(os.getpid(), signal.SIGCONT)  # as `fg` sends it, while the first signal is dealt with
print([signal.Signals(one.number).name for one in received])
"""


def test_a_stop_is_not_read_once_the_process_was_continued() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", STOPPED_AND_CONTINUED],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert shown.stdout.splitlines() == ["True", "['SIGCONT']"]
