"""Realtime over a WebSocket: who may open a session, and how one ends.

Source: https://platform.openai.com/docs/guides/realtime-websocket
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

import anyio
from starlette.responses import JSONResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from testbed.emulator.errors import APIError, api_error, invalid_api_key
from testbed.emulator.middleware import Middleware, bearer_token
from testbed.emulator.observer import exchange_of
from testbed.emulator.realtime_events import refusal
from testbed.emulator.realtime_session import Session
from testbed.emulator.records import ServiceAccount, new_id
from testbed.emulator.settings import lookup
from testbed.emulator.state import EmulatorState
from testbed.emulator.streams import Streams

SUBPROTOCOL = "realtime"
KEY_SUBPROTOCOL = "openai-insecure-api-key."
"""Before the key, from a browser, which can't send an Authorization header."""

GONE = (WebSocketDisconnect, WebSocketDisconnected)
"""Raised by sending and receiving once the client has gone."""

REFUSED = 3000
"""The close code with which OpenAI refuses a key after its 101."""


class RealtimeAPI:
    """The endpoint /v1/realtime."""

    def __init__(self, state: EmulatorState, streams: Streams) -> None:
        self._state = state
        self._streams = streams

    def routes(self, middleware: Middleware[ServiceAccount]) -> list[WebSocketRoute]:
        """Return the route; the middleware knows the keys."""
        return [WebSocketRoute("/v1/realtime", partial(self._serve, middleware))]

    async def _serve(self, middleware: Middleware[ServiceAccount], websocket: WebSocket) -> None:
        exchange = exchange_of(websocket.scope)
        exchange.endpoint = "realtime"
        settings, key = self._state.settings, _key(websocket)
        headers = {"x-request-id": new_id("req_")}
        await anyio.sleep(lookup(settings.delay_before, "realtime", 0))
        try:
            middleware.admit("realtime", key)
            model = _model(websocket)
        except APIError as error:
            middleware.count("realtime", key, error.status)
            if settings.realtime_refuses_late:
                await _accept(websocket, headers)
                session = self._session(websocket, "", middleware)
                await session.send(refusal(error))
                await websocket.close(REFUSED, _reason(error))
                return
            answer = JSONResponse(error.body, error.status, {**error.headers, **headers})
            await websocket.send_denial_response(answer)
            return
        middleware.count("realtime", key, 200)
        await anyio.sleep(lookup(settings.delay_after, "realtime", 0))
        await _accept(websocket, headers)
        session = self._session(websocket, model, middleware)
        await session.begin()
        async with anyio.create_task_group() as tasks:
            async for text in _texts(websocket):
                if settings.realtime_ends_with_key and not self._works(key):
                    gone = invalid_api_key(key or "")
                    await session.send(refusal(gone))
                    await websocket.close(REFUSED, _reason(gone))
                    break
                await session.take(text, tasks)
            tasks.cancel_scope.cancel()

    def _session(
        self, websocket: WebSocket, model: str, middleware: Middleware[ServiceAccount]
    ) -> Session:
        def abort() -> None:
            exchange_of(websocket.scope).aborted = True
            middleware.abort_connection(websocket.scope["client"])

        async def send(text: str) -> None:
            with suppress(*GONE):
                await websocket.send_text(text)

        return Session(self._state, self._streams, model, send, abort)

    def _works(self, key: str | None) -> bool:
        return self._state.organization.authenticate(key or "", self._state.now()) is not None


async def _texts(websocket: WebSocket) -> AsyncIterator[str]:
    with suppress(*GONE):
        while True:
            yield await websocket.receive_text()


async def _accept(websocket: WebSocket, headers: dict[str, str]) -> None:
    wanted = SUBPROTOCOL if SUBPROTOCOL in websocket.scope["subprotocols"] else None
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await websocket.accept(wanted, raw)


def _key(websocket: WebSocket) -> str | None:
    offered = [
        protocol.removeprefix(KEY_SUBPROTOCOL)
        for protocol in websocket.scope["subprotocols"]
        if protocol.startswith(KEY_SUBPROTOCOL)
    ]
    return bearer_token(websocket) or next(iter(offered), None)


def _model(websocket: WebSocket) -> str:
    model = websocket.query_params.get("model")
    if not model:
        raise api_error(400, "You must provide a model parameter.", param="model")
    return model


def _reason(error: APIError) -> str:
    told = error.body["error"]
    return f"{told['type']}.{told['code']}" if isinstance(told, dict) else str(told)
