"""Watches every request outside of /control, whatever its handler does.

It reads from the client at all times, so that a hang-up is noticed when it happens and not when the
next piece of an answer is due.
"""

from functools import partial

import anyio
from anyio.abc import TaskGroup
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from testbed.emulator.endpoints import DATA_PLANE
from testbed.emulator.state import EmulatorState
from testbed.emulator.traffic import Exchange

_SCOPE_KEY = "emulator.exchange"


def exchange_of(scope: Scope) -> Exchange:
    """Return what is noted of the request with this scope."""
    exchange: Exchange = scope[_SCOPE_KEY]
    return exchange


class Observer:
    """The ASGI middleware that writes to `state.traffic`."""

    def __init__(self, app: ASGIApp, state: EmulatorState) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application; note what comes and goes."""
        if scope["type"] == "lifespan" or scope["path"].startswith("/control/"):
            await self._app(scope, receive, send)
            return
        exchange = _exchange(scope, self._state.now())
        traffic = self._state.traffic
        scope[_SCOPE_KEY] = exchange
        traffic.begin(exchange)
        async with anyio.create_task_group() as tasks:
            inbox = _Inbox(receive, partial(self._received, exchange, tasks), tasks)
            try:
                await self._app(scope, inbox.receive, partial(_send, exchange, send))
            finally:
                traffic.end(exchange, self._state.now())
                inbox.close()
                tasks.cancel_scope.cancel()

    def _received(self, exchange: Exchange, tasks: TaskGroup, message: Message) -> None:
        match message["type"]:
            case "http.request":
                exchange.receive(message.get("body", b""))
                exchange.body_complete = not message.get("more_body", False)
            case "websocket.receive":
                text = message.get("text")
                exchange.receive(message["bytes"] if text is None else text.encode())
            case "http.disconnect" if not exchange.answered and not exchange.aborted:
                self._state.traffic.hang_up(exchange, self._state.now())
                if exchange.endpoint in DATA_PLANE:
                    # The model stops, too; the organization API does its work all the same.
                    tasks.cancel_scope.cancel()
            case "websocket.disconnect":
                exchange.close_code = message.get("code")
                # Uvicorn gives a reason, empty or not, for a close frame only.
                if "reason" not in message and not exchange.answered and not exchange.aborted:
                    self._state.traffic.hang_up(exchange, self._state.now())
            case _:
                pass


class _Inbox:
    """What the client sends, one message ahead of the handler.

    It begins with the handler's first wish to read: a server answers `Expect: 100-continue` then.
    """

    def __init__(self, receive: Receive, noted: "partial[None]", tasks: TaskGroup) -> None:
        self._from_client = receive
        self._noted = noted
        self._tasks = tasks
        self._putting, self._getting = anyio.create_memory_object_stream[Message](0)
        self._begun = False
        self._last: Message = {"type": "http.disconnect"}

    async def receive(self) -> Message:
        """Return the next message, and the disconnection for ever after it."""
        if not self._begun:
            self._begun = True
            self._tasks.start_soon(self._read)
        try:
            return await self._getting.receive()
        except anyio.EndOfStream:
            return self._last

    async def _read(self) -> None:
        with self._putting:
            while True:
                message = await self._from_client()
                self._noted(message)
                if message["type"].endswith(".disconnect"):
                    self._last = message
                    return
                await self._putting.send(message)

    def close(self) -> None:
        """Read no more."""
        self._putting.close()
        self._getting.close()


async def _send(exchange: Exchange, send: Send, message: Message) -> None:
    kind = message["type"]
    if kind in ("http.response.start", "websocket.http.response.start", "websocket.accept"):
        exchange.status = message.get("status", 101)
        ids = [value for name, value in message.get("headers", []) if name == b"x-request-id"]
        exchange.request_id = ids[0].decode() if ids else None
    if kind == "websocket.close":
        exchange.answered = True
    await send(message)
    if kind in ("http.response.body", "websocket.http.response.body"):
        exchange.sent += len(message.get("body", b""))
        exchange.answered = not message.get("more_body", False)
    elif kind == "websocket.send":
        text = message.get("text")
        exchange.sent += len(message["bytes"] if text is None else text.encode())


def _exchange(scope: Scope, now: float) -> Exchange:
    query = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")
    return Exchange(
        method=scope.get("method", "GET"),
        target=target.decode("latin-1"),
        headers=[(n.decode("latin-1").lower(), v.decode("latin-1")) for n, v in scope["headers"]],
        began=now,
    )
