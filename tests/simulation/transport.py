"""The probe's transport: httpx hands it requests, the model of OpenAI answers them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import trio

from tests.simulation.histories import NAMES, Kind
from tests.simulation.http import HttpAnswer
from tests.simulation.network import Network, set_openai

if TYPE_CHECKING:
    from tests.simulation.world import World


class SimulatedTransport(httpx.AsyncBaseTransport):
    """Leads to the model of OpenAI."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._network = Network(world)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, after a while."""
        world = self._world
        world.step(f"the request {request.method} {request.url.path} to OpenAI")
        world.requests.append((world.now, request.url.path, request.method))
        if world.window(Kind.OPENAI_REFUSED):
            raise httpx.ConnectError("connection refused")
        slow = world.window(Kind.OPENAI_SLOW)
        await trio.sleep(self._network.latency() + (slow.number if slow else 0))
        set_openai(world)
        was_lost = world.window(Kind.OPENAI_LOST, Kind.OPENAI_GARBLED)
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if request.method == "POST":
            await request.aread()
            role = json.loads(request.content)["service_account_id"]
            seconds = float(world.history.keys[NAMES.index(role)].ttl)
            answer = world.openai.exchange(role, seconds, world.now)
        else:
            was_tested = key in world.openai.tested
            answer = world.openai.models(key, world.now)
            if was_lost and not was_tested:
                world.openai.tested.discard(key)
        await trio.sleep(self._network.latency())
        world.step(f"the answer to {request.method} {request.url.path} of OpenAI")
        if was_lost and was_lost.kind is Kind.OPENAI_LOST:
            raise httpx.ReadError("connection reset by peer")
        if was_lost:
            answer = HttpAnswer(200, content_type="text/html")
        return httpx.Response(answer.status, stream=httpx.ByteStream(answer.content))


def make_client(world: World, url: str, *, proxied: bool) -> httpx.AsyncClient:
    """Stand in for `freshkey.host.http_client.make_client`."""
    del url, proxied
    return httpx.AsyncClient(transport=SimulatedTransport(world), trust_env=False)
