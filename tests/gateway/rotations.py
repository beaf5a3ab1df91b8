"""Keys that are replaced all the time, while a client calls."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from openai import OpenAI

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.agent.harness import Agent


@contextmanager
def rotating(agent: Agent, every: float = 1.0) -> Iterator[None]:
    """Replace the key all the time; the old one is revoked a second after that."""
    stop = threading.Event()

    def rotate() -> None:
        while not stop.wait(every):
            agent.post("/v1/keys/billing/rotate")

    thread = threading.Thread(target=rotate)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def client(port: int, **more: Any) -> OpenAI:  # noqa: ANN401 - the client's own options
    base_url = f"http://127.0.0.1:{port}/v1"
    return OpenAI(api_key="any", base_url=base_url, max_retries=0, timeout=60, **more)


def generations(agent: Agent) -> int:
    return int(agent.status()["generation"])
