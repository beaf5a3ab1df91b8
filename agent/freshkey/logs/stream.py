"""Standard error as the one way out of the process's lines: whoever writes never waits for it.

A pipe whose reader stopped, a full disk, or a stalled journal may hold write(2) up for ever. So a
thread writes, and lines wait for it in a bounded buffer.
"""

from __future__ import annotations

import os
import select
import time
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread
from typing import Final, final

Write = Callable[[int, bytes], int]
"""As os.write: takes descriptor and bytes, says how many went out, may block, raises OSError."""

CAPACITY: Final = 1024 * 1024  # bytes of lines that wait
_AT_ONCE: Final = 64 * 1024  # bytes of one write(2)
_RETRY_AFTER: Final = 1.0  # seconds, after a write that failed
_CUT: Final = b"...\n"


@final
class LineStream:
    """Takes lines for a descriptor, from any thread, and never blocks.

    When `capacity` bytes wait, the oldest lines that may go first (`expendable`) are dropped, then
    the oldest others. `on_dropped` is called once there is room again, with their number;
    `dropped` is the number of all.
    """

    def __init__(
        self, descriptor: int, on_dropped: Callable[[int], None], capacity: int = CAPACITY
    ) -> None:
        self.dropped = 0
        self._descriptor = descriptor
        self._write: Write = os.write
        self._on_dropped = on_dropped
        self._capacity = capacity
        self._changed = Condition()
        # Whole lines with their place in the order of all, those that may go first apart.
        self._expendable: deque[tuple[int, bytes]] = deque()
        self._others: deque[tuple[int, bytes]] = deque()
        self._begun: bytes = b""  # what is being written, and is not dropped any more
        self._waiting = 0  # bytes in the two queues
        self._count = 0
        self._untold = 0
        self._failing = False
        self._thread: Thread | None = None

    def write(self, line: str, *, expendable: bool = False) -> None:
        """Take one line, without its newline; one that is longer than the buffer is cut."""
        data = f"{line}\n".encode(errors="backslashreplace")
        if len(data) > self._capacity:
            data = data[: self._capacity - len(_CUT)] + _CUT
        with self._changed:
            while self._waiting + len(data) > self._capacity:
                self._drop()
            queue = self._expendable if expendable else self._others
            queue.append((self._count, data))
            self._count += 1
            self._waiting += len(data)
            if self._thread is None:
                self._start()
            self._changed.notify_all()

    def write_with(self, write: Write) -> None:
        """From now on write lines with this function; it gets whole lines, or the rest of one."""
        self._write = write

    def _start(self) -> None:
        thread = Thread(target=self._run, name="standard-error", daemon=True)
        try:
            thread.start()
        except (
            RuntimeError
        ):  # no thread is to be had (TasksMax=, RLIMIT_NPROC): the next line tries
            return
        self._thread = thread

    def flush(self, seconds: float) -> bool:
        """Wait until all is written, for so long at most; not at all where writing fails."""
        if self._thread is None:
            self._write_here()
        with self._changed:
            return self._changed.wait_for(
                lambda: self._failing or not (self._waiting or self._begun), seconds
            )

    def _drop(self) -> None:
        queue = self._expendable or self._others
        self._waiting -= len(queue.popleft()[1])
        self.dropped += 1
        self._untold += 1

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._begun)
                if not self._begun:
                    self._begun = self._next()
            written = self._try_write(self._write)
            if written is None:
                with self._changed:
                    self._failing = True
                    self._changed.notify_all()
                time.sleep(_RETRY_AFTER)
                continue
            with self._changed:
                self._begun = self._begun[written:]
                self._failing = False
                untold = self._untold if self._waiting <= self._capacity // 2 else 0
                self._untold -= untold
                self._changed.notify_all()
            if untold:
                self._on_dropped(untold)

    def _write_here(self) -> None:
        """Write once without a thread, as far as nobody has to wait for that."""
        with self._changed:
            self._begun = self._begun or self._next()
            if self._begun and select.select((), (self._descriptor,), (), 0)[1]:
                self._begun = self._begun[self._try_write(os.write) or 0 :]
            self._failing = bool(self._begun)

    def _next(self) -> bytes:
        """Take the oldest lines, as many as one write may have, at least one."""
        lines: list[bytes] = []
        size = 0
        while self._waiting and size < _AT_ONCE:
            first, second = self._expendable, self._others
            older = first if not second or (first and first[0] < second[0]) else second
            line = older.popleft()[1]
            lines.append(line)
            size += len(line)
            self._waiting -= len(line)
        return b"".join(lines)

    def _try_write(self, write: Write) -> int | None:
        """Write what was begun; return how much of it went out, None when it can't be written."""
        try:
            return write(self._descriptor, self._begun)
        except BlockingIOError:  # somebody set O_NONBLOCK on what we share with them
            select.select((), (self._descriptor,), ())
            return 0
        except OSError:
            return None
