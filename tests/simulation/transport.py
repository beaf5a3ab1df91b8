"""The probe's transport: httpx hands it requests, the model of OpenAI answers them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import trio

from tests.simulation.histories import NAMES, Kind
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
        await trio.sleep(self._network.latency())
        set_openai(world)
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if request.method == "POST":
            await request.aread()
            role = json.loads(request.content)["service_account_id"]
            seconds = float(world.history.keys[NAMES.index(role)].ttl)
            answer = world.openai.exchange(role, seconds, world.now)
        else:
            answer = world.openai.models(key, world.now)
        await trio.sleep(self._network.latency())
        world.step(f"the answer to {request.method} {request.url.path} of OpenAI")
        return httpx.Response(answer.status, stream=httpx.ByteStream(answer.content))


def make_client(world: World, url: str, *, proxied: bool) -> httpx.AsyncClient:
    """Stand in for `freshkey.host.http_client.make_client`."""
    del url, proxied
    return httpx.AsyncClient(transport=SimulatedTransport(world), trust_env=False)
