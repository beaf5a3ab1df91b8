"""What the applications do with their client: they ask, and count what became of it."""

import json
import signal
import time
from dataclasses import asdict
from types import FrameType

import httpx2
from openai import AuthenticationError, OpenAI, OpenAIError

from testbed.demo.consumers.counts import Counts

PAUSE = 0.15
REPORT_EVERY = 0.5
TIMEOUT = 10
"""Seconds, all three."""


def ask_until_stopped(client: OpenAI) -> None:
    """Ask about six times a second until SIGTERM; print the counts, a line of JSON each time."""
    stopped = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    client = client.with_options(timeout=TIMEOUT)
    counts, report_at = Counts(), 0.0
    while not stopped:
        _ask(client, counts)
        if time.monotonic() >= report_at:
            report_at = time.monotonic() + REPORT_EVERY
            _report(counts)
        time.sleep(PAUSE)
    _report(counts)


def _ask(client: OpenAI, counts: Counts) -> None:
    try:
        client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "does this key work?"}]
        )
    except AuthenticationError as error:
        counts.refused += 1
        counts.last_error = f"HTTP {error.status_code}: {error.code}"
    except (OpenAIError, httpx2.HTTPError, OSError) as error:
        counts.failed += 1
        counts.last_error = f"{type(error).__name__}: {error}"
    else:
        counts.served += 1


def _report(counts: Counts) -> None:
    print(json.dumps(asdict(counts)), flush=True)
