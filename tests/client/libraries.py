"""httpx and httpx2 in the three ways to use them, and an OpenAI that takes some keys only."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import freshkey.client.httpx
import freshkey.client.httpx2
import trio

URL = "https://api.openai.example/v1/responses"
INVALID = {"error": {"message": "Incorrect API key", "code": "invalid_api_key"}}


@dataclass
class OpenAI:
    """Takes the keys that it is told to take; remembers key and body of what it was sent."""

    library: ModuleType
    good: set[str] = field(default_factory=lambda: {"sk-new"})
    refusal: tuple[int, object] = (401, INVALID)
    got: list[tuple[str, bytes]] = field(default_factory=list)

    def __call__(self, request: Any) -> Any:  # noqa: ANN401 - a request of either library
        return self.answer(request, b"".join(request.stream))

    async def serve_async(self, request: Any) -> Any:  # noqa: ANN401 - as above
        return self.answer(request, b"".join([part async for part in request.stream]))

    def answer(self, request: Any, body: bytes) -> Any:  # noqa: ANN401 - as above
        """Answer a request; its body was taken as a connection takes it, which keeps none."""
        key = request.headers["Authorization"].removeprefix("Bearer ")
        self.got.append((key, body))
        if key in self.good:
            return self.library.Response(200, json={"ok": True})
        status, content = self.refusal
        return self.library.Response(status, json=content)


def transport(openai: OpenAI) -> Any:  # noqa: ANN401 - of either library
    """Not its MockTransport, which keeps every body."""

    class Transport(openai.library.BaseTransport, openai.library.AsyncBaseTransport):  # type: ignore[misc, name-defined]  # `library` is either
        def handle_request(self, request: Any) -> Any:  # noqa: ANN401 - as above
            return openai(request)

        async def handle_async_request(self, request: Any) -> Any:  # noqa: ANN401 - as above
            return await openai.serve_async(request)

    return Transport()


@dataclass
class Client:
    """One client of a library, in one of the three ways to use it."""

    library: ModuleType
    way: str
    openai: OpenAI

    def post(self, key: Any, wait: float = 10.0, **options: Any) -> Any:  # noqa: ANN401 - any key, of either library
        auth = {"httpx": freshkey.client.httpx, "httpx2": freshkey.client.httpx2}[
            self.library.__name__
        ].KeyAuth(key, wait)
        if self.way == "sync":
            with self.library.Client(transport=transport(self.openai), auth=auth) as client:
                return client.post(URL, **options)

        async def work() -> Any:  # noqa: ANN401 - of either library
            serving = transport(self.openai)
            async with self.library.AsyncClient(transport=serving, auth=auth) as client:
                return await client.post(URL, **options)

        return asyncio.run(work()) if self.way == "asyncio" else trio.run(work)
