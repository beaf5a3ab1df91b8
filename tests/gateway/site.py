"""A gateway in this process, with an upstream that says what a test wants."""

from __future__ import annotations

from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import trio
from freshkey.gateway.clients import Client
from freshkey.gateway.configuration import Configuration
from freshkey.gateway.gateway import Gateway, identify
from freshkey.gateway.readiness import Readiness
from freshkey.gateway.runs import Runs
from freshkey.gateway.upstream import Upstream
from freshkey.settings.urls import HostPort
from freshkey.sockets.endpoint import Endpoint
from freshkey.sockets.server import Limits, ServerStop, serve
from freshkey.sockets.tcp_listener import TcpListener

from tests.gateway.fakes import FakeKeys, FakeObserver
from tests.gateway.upstream import EndedError, Received, UpstreamConnection, good
from tests.gateway.wire import rest_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from typing import TypeAlias

    from freshkey.gateway.record import Done

    Script: TypeAlias = "Callable[[UpstreamConnection], Awaitable[None]]"

PATIENCE = 20.0  # seconds until a test gives up


class Site:
    """What a test has in its hands. `requests` are those that came to OpenAI."""

    def __init__(self, port: int, gateway: Gateway, keys: FakeKeys, done: list[Done]) -> None:
        self.port = port
        self.gateway = gateway
        self.keys = keys
        self.done = done
        self.requests: list[Received] = []

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    async def exchange(self, request: bytes) -> bytes:
        """Send bytes on a connection of their own, and return all that comes until its end."""
        stream = await self.connect()
        async with stream:
            await stream.send_all(request)
            return await rest_of(stream)


@asynccontextmanager
async def site(
    script: Script = good,
    clients: Sequence[Client] = (Client("team", "billing"),),
    *,
    max_requests: int = 8,
    first_byte_timeout: float = 5.0,
) -> AsyncIterator[Site]:
    """Serve, with `script` for each connection of the gateway."""
    keys, observer = FakeKeys(), FakeObserver()
    with trio.fail_after(PATIENCE), ExitStack() as stack:
        async with trio.open_nursery() as nursery:
            (upstream,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
            url = f"http://127.0.0.1:{upstream.socket.getsockname()[1]}/v1"
            configuration = Configuration(
                tuple(clients),
                Runs(),
                keys,
                Upstream(url),
                observer,
                Readiness(nursery),
                max_requests,
                first_byte_timeout,
            )
            gateway = Gateway(configuration)
            stack.callback(configuration.upstream.close)
            listener = TcpListener(HostPort("127.0.0.1", 0), "gateway")
            stack.callback(listener.close)
            found = Site(listener.socket.getsockname()[1], gateway, keys, observer.done)

            async def attend(stream: trio.SocketStream) -> None:
                try:
                    await script(UpstreamConnection(stream, found.requests))
                except (EndedError, trio.BrokenResourceError, trio.ClosedResourceError):
                    pass
                finally:
                    await trio.aclose_forcefully(stream)

            async def accept() -> None:
                await trio.serve_listeners(attend, [upstream])

            nursery.start_soon(accept)
            nursery.start_soon(gateway.hang_ups.run)
            stop, limits = ServerStop(), Limits(64, 64, grace=0)
            endpoint = Endpoint(listener, gateway.attend, identify=identify)

            async def run(task_status: trio.TaskStatus[None]) -> None:
                await serve(
                    [endpoint], limits, commit=lambda: None, stop=stop, task_status=task_status
                )

            await nursery.start(run)
            yield found
            gateway.hang_ups.stop()
            stop.asked.set()
            await stop.released.wait()
            nursery.cancel_scope.cancel()
