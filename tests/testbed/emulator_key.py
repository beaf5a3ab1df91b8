"""An emulator in a process of its own, and a key for it."""

from __future__ import annotations

import hashlib
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openai import OpenAI

from testbed.emulator.organization import PROJECT_ID
from testbed.emulator.process import OpenAIServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 20.0  # seconds


@contextmanager
def faultless() -> Iterator[OpenAIServer]:
    """Run an emulator; fail when it logged a fault of its own."""
    with OpenAIServer() as server:
        yield server
        assert not server.log, server.log


@dataclass(frozen=True)
class Keyed:
    """The server, and a service account of its first project."""

    server: OpenAIServer
    account_id: str
    key: str

    @classmethod
    def fresh(cls, server: OpenAIServer) -> Keyed:
        server.reset()
        return cls(server, *server.create_key(PROJECT_ID))

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.key.encode()).hexdigest()[:8]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def client(self, **options: int) -> OpenAI:
        return OpenAI(
            api_key=self.key,
            base_url=self.server.base_url,
            max_retries=options.get("max_retries", 0),
            timeout=PATIENCE,
        )


def eventually(reached: Callable[[], object]) -> None:
    """Wait for what happens in another process; fail when it takes too long."""
    end = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)
