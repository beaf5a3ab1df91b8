"""A credential socket for tests."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from freshkey.serve.access import Access
from freshkey.serve.audit import RequestAudit
from freshkey.serve.credential import CredentialSocket
from freshkey.serve.published_keys import PublishedKeys
from freshkey.serve.readers import Readers
from freshkey.serve.reading import Reading
from freshkey.sockets.endpoint import Endpoint
from freshkey.sockets.handover import Handover
from freshkey.sockets.listener import listen
from freshkey.sockets.server import Limits, ServerStop, serve

from tests.serve.fakes import Reads, StoppedClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import trio
    from freshkey.sockets.rules import Rule

    from tests.serve.client import Client


class Site:
    """A running credential socket of the key `billing`."""

    def __init__(self, nursery: trio.Nursery, path: Path, rules: list[Rule]) -> None:
        self._nursery = nursery
        self.path = path
        self.published_keys = PublishedKeys(["billing"])
        self.reads, self.readers = Reads(), Readers(lambda: 400.0)
        access = Access({"billing": rules}, os.geteuid())
        audit = RequestAudit(self.reads)
        reading = Reading(self.published_keys, access, StoppedClock(), audit, self.readers)
        self.handover = Handover()
        self._credential = CredentialSocket("billing", reading, self.handover)
        self._listener = listen(self.path, mode=0o600)
        self.stop = ServerStop()

    async def start(self, limits: Limits | None = None) -> None:
        await self._nursery.start(self._serve, limits or Limits())

    async def reload(self, limits: Limits | None = None) -> None:
        """Have another server take over."""
        self.stop.asked.set()
        await self.stop.released.wait()
        self.stop = ServerStop()
        await self.start(limits)

    async def _serve(self, limits: Limits, task_status: trio.TaskStatus[None]) -> None:
        credential = self._credential
        attend, refuse = credential.attend, credential.refuse
        await serve(
            [Endpoint(self._listener, attend, on_refused=refuse, handover=self.handover)],
            limits,
            commit=self.reads.flush,
            stop=self.stop,
            task_status=task_status,
        )

    def close(self) -> None:
        self.handover.close()
        self._listener.close()


@contextmanager
def a_site(nursery: trio.Nursery, path: Path, rules: list[Rule]) -> Iterator[Site]:
    site = Site(nursery, path, rules)
    try:
        yield site
    finally:
        site.close()


async def rest_of(client: Client) -> bytes:
    data = b""
    while more := await client.read():
        data += more
    return data
