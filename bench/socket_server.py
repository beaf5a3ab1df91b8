"""The part of the agent that serves the socket, alone, with one key that is made up.

    python -m bench.socket_server SOCKET [ROTATE_EVERY]

It records no reads. With ROTATE_EVERY there is a new generation every so many seconds.
"""

from __future__ import annotations

import gc
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio
from freshkey.core.model.secret import Secret
from freshkey.core.model.view import KeyStatus, KeyView, Publication
from freshkey.serve.access import Access
from freshkey.serve.audit import RequestAudit
from freshkey.serve.endpoint import http
from freshkey.serve.notices import Notices
from freshkey.serve.published_keys import PublishedKeys
from freshkey.serve.readers import Readers
from freshkey.serve.reading import Reading
from freshkey.serve.routes import Routes
from freshkey.serve.runs import Runs
from freshkey.sockets.listener import listen
from freshkey.sockets.server import Limits, ServerStop, serve

if TYPE_CHECKING:
    from collections.abc import Collection


class FixedClock:
    """Tells the same time at every request."""

    def expires_in(self, expires_at: float) -> int:
        """Take the instant for what is left."""
        return int(expires_at)

    def not_after(self, _expires_at: float) -> str:
        """Return some instant."""
        return "2030-01-01T00:00:00Z"


class NoRecord:
    """Records nothing."""

    def part(self, **_: object) -> bytes:
        """Encode nothing."""
        return b""

    def read(self, event: str, *parts: bytes) -> None:
        """Forget it."""

    def flush(self) -> None:
        """Write nothing."""


class NoControl:
    """Takes nothing on."""

    def report(self, name: str, tag: str) -> None:
        """Forget it."""

    def rotate(self, name: str, *, compromised: bool, now: bool) -> None:
        """Forget it."""

    def status(self, _names: Collection[str]) -> dict[str, object]:
        """Return nothing."""
        return {}

    def metrics(self) -> bytes:
        """Return nothing."""
        return b""


async def main() -> None:
    """Serve until killed."""
    path, *rotate_every = sys.argv[1:]
    published_keys = PublishedKeys(["billing"])
    record, control, access = NoRecord(), NoControl(), Access({}, 0)
    audit = RequestAudit(record)
    reading = Reading(published_keys, access, FixedClock(), audit, Readers(time.monotonic))
    notices = Notices(published_keys, access, control, audit)
    runs = Runs(None, published_keys, audit)
    routes = Routes(published_keys, reading, notices, control, runs)
    _show(published_keys, 1)
    async with trio.open_nursery() as nursery:
        listener = listen(Path(path), mode=0o666)
        serving = partial(serve, [http(listener, routes.answer)], Limits(), commit=record.flush)
        await nursery.start(partial(serving, stop=ServerStop()))
        for seconds in rotate_every:
            nursery.start_soon(_rotate, published_keys, float(seconds))
        gc.collect()
        gc.freeze()  # as the agent does


async def _rotate(published_keys: PublishedKeys, every: float) -> None:
    generation = 1
    while True:
        await trio.sleep(every)
        generation += 1
        _show(published_keys, generation)


def _show(published_keys: PublishedKeys, generation: int) -> None:
    secret = Secret(f"sk-svcacct-{generation:0156}")  # as long as a real one
    publication = Publication(generation, secret, 1800.0, "key_0123456789abcdef01234567")
    published_keys.show(KeyView("billing", KeyStatus.FRESH, publication))


if __name__ == "__main__":
    trio.run(main)
