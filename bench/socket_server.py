"""The socket's server in a process of its own, as in the agent, with one key that is made up."""

from __future__ import annotations

import gc
import signal
import time
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Self

import trio
from freshkey.core.model.secret import Secret
from freshkey.core.model.view import KeyStatus, KeyView, Publication
from freshkey.serve.listener import listen
from freshkey.serve.published_keys import PublishedKeys
from freshkey.serve.readers import Readers
from freshkey.serve.routes import Routes
from freshkey.serve.server import Limits, serve

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path


class FixedClock:
    """Tells the same time at every request."""

    def expires_in(self, expires_at: float) -> int:
        """Take the instant for what is left."""
        return int(expires_at)

    def not_after(self, _expires_at: float) -> str:
        """Return some instant."""
        return "2030-01-01T00:00:00Z"


class NoDesk:
    """Takes nothing on."""

    def report(self, name: str, tag: str) -> None:
        """Forget it."""

    def rotate(self, name: str, *, compromised: bool, now: bool) -> None:
        """Forget it."""

    def status(self) -> dict[str, object]:
        """Return nothing."""
        return {}


class SocketServer:
    """Serves the key `billing` at `path`, a new generation every `rotate_every` seconds."""

    def __init__(
        self, path: Path, limits: Limits | None = None, rotate_every: float | None = None
    ) -> None:
        context = get_context("spawn")
        self._results, far_end = context.Pipe(duplex=False)
        arguments = (path, limits or Limits(), rotate_every, far_end)
        self._process = context.Process(target=_run, args=arguments)

    def __enter__(self) -> Self:
        self._process.start()
        self._results.recv()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()

    @property
    def pid(self) -> int:
        """The process that serves."""
        return self._process.pid or 0

    def stop(self) -> float:
        """End the server; return the processor time that serving took, in seconds."""
        self._process.terminate()
        took: float = self._results.recv()
        return took


def _run(path: Path, limits: Limits, rotate_every: float | None, results: Connection) -> None:
    trio.run(_serve, path, limits, rotate_every, results)


async def _serve(
    path: Path, limits: Limits, rotate_every: float | None, results: Connection
) -> None:
    published_keys = PublishedKeys(["billing"])
    routes = Routes(published_keys, FixedClock(), _record, NoDesk(), Readers(time.monotonic))
    stop = trio.Event()
    _show(published_keys, 1)
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            listener = listen(path, mode=0o666)
            await nursery.start(partial(serve, listener, routes.answer, limits, stop=stop, grace=1))
            if rotate_every is not None:
                nursery.start_soon(_rotate, published_keys, rotate_every)
            gc.collect()
            gc.freeze()  # as the agent does
            began = time.process_time()
            results.send(0.0)
            async for _ in signals:
                results.send(time.process_time() - began)
                stop.set()
                break
            nursery.cancel_scope.cancel()


async def _rotate(published_keys: PublishedKeys, every: float) -> None:
    generation = 1
    while True:
        await trio.sleep(every)
        generation += 1
        _show(published_keys, generation)


def _show(published_keys: PublishedKeys, generation: int) -> None:
    secret = Secret(f"sk-svcacct-{generation:0100}")
    publication = Publication(generation, secret, 1800.0, "key_abc")
    published_keys.show(KeyView("billing", KeyStatus.FRESH, publication))


def _record(event: str, **fields: object) -> None:
    del event, fields
