"""A gateway in this process, with an upstream that says what a test wants."""

from __future__ import annotations

import socket
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import h11
import trio
from freshkey.core.model.secret import Secret
from freshkey.core.model.view import KeyStatus, KeyView, Publication
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

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from typing import TypeAlias

    from freshkey.gateway.record import Done

    Script: TypeAlias = "Callable[[UpstreamConnection], Awaitable[None]]"

KEY = "sk-svcacct-" + "canary" * 20
OTHER_KEY = "sk-svcacct-" + "second" * 20
GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
PATIENCE = 20.0  # seconds until a test gives up


class FakeKeys:
    """One key, which a test replaces."""

    def __init__(self) -> None:
        self.rejected: list[str] = []
        self._is_gone = False
        self._changed = trio.Event()
        self.show(KEY)

    def show(self, key: str | None, generation: int = 1) -> None:
        publication = None if key is None else Publication(generation, Secret(key), None)
        status = KeyStatus.WITHDRAWN if key is None else KeyStatus.FRESH
        self._view = KeyView("billing", status, publication)
        self._changed.set()
        self._changed = trio.Event()

    def remove(self) -> None:
        """Have no key of that name any more, as after a reload."""
        self._is_gone = True
        self._changed.set()

    def view(self, name: str) -> KeyView | None:
        assert name == "billing"
        return None if self._is_gone else self._view

    def reject(self, name: str, tag: str) -> None:
        assert name == "billing"
        self.rejected.append(tag)

    async def wait_for_another(self, name: str, tag: str) -> None:
        assert name == "billing"
        while not self._is_gone and self._tag in {None, tag}:
            await self._changed.wait()

    @property
    def _tag(self) -> str | None:
        return None if self._view.publication is None else self._view.publication.tag


class FakeObserver:
    def __init__(self) -> None:
        self.done: list[Done] = []

    def on_done(self, done: Done) -> None:
        self.done.append(done)


class UpstreamConnection:
    """One connection that the gateway opened; h11 reads what it sends, as OpenAI's side would."""

    def __init__(self, stream: trio.SocketStream, requests: list[Received]) -> None:
        self.stream = stream
        self._requests = requests
        self._parser = h11.Connection(h11.SERVER)

    async def request(self) -> Received:
        """Read a whole request."""
        received = await self.head()
        received.body = await self.body()
        return received

    async def head(self) -> Received:
        event = await self._event()
        if isinstance(event, h11.ConnectionClosed):
            raise EndedError
        assert isinstance(event, h11.Request)
        received = Received(event)
        self._requests.append(received)
        return received

    async def body(self) -> bytes:
        found = b""
        while not isinstance(event := await self._event(), h11.EndOfMessage):
            assert isinstance(event, h11.Data), event
            found += bytes(event.data)
        return found

    async def data(self) -> bytes:
        """Read the next part of a body."""
        event = await self._event()
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    async def answer(self, data: bytes) -> None:
        """Send an answer, and be ready for the next request."""
        await self.stream.send_all(data)
        self._parser.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
        self._parser.send(h11.EndOfMessage())
        if self._parser.our_state is h11.DONE and self._parser.their_state is h11.DONE:
            self._parser.start_next_cycle()

    async def _event(self) -> h11.Event | type[h11.PAUSED]:
        while (event := self._parser.next_event()) is h11.NEED_DATA:
            self._parser.receive_data(await self.stream.receive_some())
        return event  # type: ignore[return-value]  # NEED_DATA was taken out


class Received:
    """A request as it came to OpenAI."""

    def __init__(self, request: h11.Request) -> None:
        self.method = request.method.decode()
        self.target = request.target.decode()
        self.headers = [(n.decode(), v.decode("latin-1")) for n, v in request.headers]
        self.body = b""

    def header(self, name: str) -> list[str]:
        return [value for given, value in self.headers if given == name]


class EndedError(Exception):
    """The gateway closed its connection."""


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


async def rest_of(stream: trio.abc.ReceiveStream) -> bytes:
    found = b""
    try:
        while data := await stream.receive_some():
            found += data
    except trio.BrokenResourceError:
        found += b"<reset>"
    return found


async def until(stream: trio.abc.ReceiveStream, text: bytes) -> bytes:
    """Receive until this has come."""
    found = b""
    while text not in found:
        data = await stream.receive_some()
        assert data, f"it ended with {found!r}"
        found += data
    return found


def request(
    body: bytes = b"",
    *headers: bytes,
    method: bytes = b"POST",
    path: bytes = b"/v1/responses",
    close: bool = True,
) -> bytes:
    """Write a request as a client would."""
    fields = [b"Host: localhost", b"Authorization: Bearer any", *headers]
    fields += [b"Connection: close"] if close else []
    given = {one.lower().partition(b":")[0] for one in headers}
    if not given & {b"content-length", b"transfer-encoding"}:
        fields.append(b"Content-Length: %d" % len(body))
    if b"content-type" not in given:
        fields.append(b"Content-Type: application/json")
    return b"%b %b HTTP/1.1\r\n%b\r\n\r\n%b" % (method, path, b"\r\n".join(fields), body)


async def good(connection: UpstreamConnection) -> None:
    """Answer every request on a connection."""
    while True:
        await connection.request()
        await connection.answer(GOOD)


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


def reset(stream: trio.SocketStream) -> None:
    """Have the connection end with a reset."""
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    stream.socket.close()
