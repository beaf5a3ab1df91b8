"""A running server for tests."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio
from freshkey.serve.access import Access
from freshkey.serve.endpoint import http
from freshkey.serve.gateway import Gateway
from freshkey.serve.published_keys import PublishedKeys
from freshkey.serve.readers import Readers
from freshkey.sockets.listener import Listener, listen
from freshkey.sockets.rules import Rule
from freshkey.sockets.server import Limits, ServerStop, serve

from tests.serve.client import Client, get
from tests.serve.fakes import FakeControl, Reads, routes_of
from tests.serve.publication import FRESH

if TYPE_CHECKING:
    from freshkey.serve.connection import Answer


@dataclass
class Site:
    """A server with the one key `billing`, in the test's own event loop."""

    nursery: trio.Nursery
    path: Path
    published_keys: PublishedKeys = field(default_factory=lambda: PublishedKeys(["billing"]))
    rules: dict[str, list[Rule]] = field(default_factory=dict)
    reads: Reads = field(default_factory=Reads)
    control: FakeControl = field(default_factory=FakeControl)
    gateway: Gateway | None = None
    stop: ServerStop = field(default_factory=ServerStop)
    ended: trio.Event = field(default_factory=trio.Event)

    async def start(
        self,
        limits: Limits | None = None,
        *,
        grace: float = 5.0,
        answer: Answer | None = None,
    ) -> None:
        self.published_keys.show(FRESH)
        access = Access(self.rules, os.geteuid())
        routes = routes_of(
            self.published_keys,
            access,
            self.reads,
            self.control,
            Readers(lambda: 400.0),
            gateway=self.gateway,
        )
        listener = listen(self.path, mode=0o600)
        await self.nursery.start(
            partial(self._run, listener, answer or routes.answer, limits or Limits(grace=grace))
        )

    async def _run(
        self,
        listener: Listener,
        answer: Answer,
        limits: Limits,
        task_status: trio.TaskStatus[None],
    ) -> None:
        async def close_listener() -> None:
            await self.stop.released.wait()
            listener.close()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(close_listener)
            with listener:
                await serve(
                    [http(listener, answer)],
                    limits,
                    commit=lambda: self.commit(),  # noqa: PLW0108 - tests replace it while it runs
                    stop=self.stop,
                    task_status=task_status,
                )
        self.ended.set()

    def commit(self) -> None:
        """What the server calls before its answers leave."""
        self.reads.flush()

    async def serves_others(self) -> bool:
        with self.connect() as client:
            return (await client.ask(get("/v1/keys/billing"))).status == 200

    def connect(self) -> Client:
        return Client(self.path)
