"""What the applications do with their client: they ask, and count what became of it."""

import json
import signal
import time
from collections.abc import Callable
from dataclasses import asdict
from types import FrameType

import httpx2
from openai import AuthenticationError, OpenAI, OpenAIError

from testbed.demo.consumers.counts import Counts, FailureKind, RequestFailure

PAUSE = 0.15
REPORT_EVERY = 0.5
TIMEOUT = 10
"""Seconds, all three."""


def send_until_stopped(client: OpenAI, on_refused: Callable[[], None] = lambda: None) -> None:
    """Ask about six times a second until SIGTERM; report every half second, a line of JSON.

    A line has the counts since the start, and the failures since the line before. `on_refused` is
    called after a 401.
    """
    stopped = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    client = client.with_options(timeout=TIMEOUT)
    log, report_at = _RequestLog(), 0.0
    while not stopped:
        if log.send(client) == "refused":
            on_refused()
        if time.monotonic() >= report_at:
            report_at = time.monotonic() + REPORT_EVERY
            log.report()
        time.sleep(PAUSE)
    log.report()


class _RequestLog:
    """What became of the requests."""

    def __init__(self) -> None:
        self._counts = Counts()
        self._failures: list[RequestFailure] = []

    def send(self, client: OpenAI) -> FailureKind | None:
        """Ask once; return how it failed, if it did."""
        try:
            client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": "does this key work?"}]
            )
        except AuthenticationError as error:
            self._counts.refused += 1
            return self._count_failure("refused", f"HTTP {error.status_code}: {error.code}")
        except (OpenAIError, httpx2.HTTPError, OSError) as error:
            self._counts.failed += 1
            return self._count_failure("failed", f"{type(error).__name__}: {error}")
        self._counts.served += 1
        return None

    def _count_failure(self, kind: FailureKind, error: str) -> FailureKind:
        self._counts.last_error = error
        self._failures.append(RequestFailure(time.monotonic(), kind))
        return kind

    def report(self) -> None:
        """Print the line."""
        failures = [asdict(failure) for failure in self._failures]
        print(json.dumps({**asdict(self._counts), "failures": failures}), flush=True)
        self._failures.clear()
