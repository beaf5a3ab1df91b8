"""What every request passes before and after its work: faults, authentication, limits, counts."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from testbed.emulator.endpoints import Endpoint, plane_of
from testbed.emulator.errors import (
    BEFORE_AUTHENTICATION,
    APIError,
    api_error,
    invalid_api_key,
    named_error,
    no_key,
    rate_limited,
)
from testbed.emulator.observer import exchange_of
from testbed.emulator.organization import Organization
from testbed.emulator.records import digest, fingerprint, new_id
from testbed.emulator.settings import lookup
from testbed.emulator.state import EmulatorState

Caller = TypeVar("Caller")
Handler = Callable[[Request, Caller], Awaitable[Response]]
AbortConnection = Callable[[tuple[str, int]], None]
"""Closes the connection of the client with this address."""


@dataclass(frozen=True)
class Middleware(Generic[Caller]):
    """Wraps the endpoints of one plane.

    `authenticate` gets the organization, the key, and the time, and returns who calls, or None.
    """

    state: EmulatorState
    authenticate: Callable[[Organization, str, float], Caller | None]
    abort_connection: AbortConnection

    def route(
        self,
        method: str,
        path: str,
        endpoint: Endpoint,
        handler: Handler[Caller],
        *,
        streams_body: bool = False,
    ) -> Route:
        """Return the route that runs the handler behind the middleware.

        With `streams_body` the handler reads the body, and a refusal comes before that.
        """

        async def answer(request: Request) -> Response:
            exchange_of(request.scope).endpoint = endpoint
            settings = self.state.settings
            key = bearer_token(request)
            try:
                if not streams_body:
                    # Read now: a client that hangs up during the delay must not undo the work.
                    await request.body()
                await anyio.sleep(lookup(settings.delay_before, endpoint, 0))
                response = await handler(request, self.admit(endpoint, key))
            except ClientDisconnect:
                return Response()  # which nobody gets
            except APIError as error:
                response = JSONResponse(error.body, error.status, error.headers)
            response.headers["x-request-id"] = new_id("req_")
            self.count(endpoint, key, response.status_code)
            lost = self.state.consume_lost_answer(endpoint)
            await anyio.sleep(lookup(settings.delay_after, endpoint, 0))
            return _DroppedResponse(self.abort_connection) if lost else response

        return Route(path, answer, methods=[method])

    def admit(self, endpoint: Endpoint, key: str | None) -> Caller:
        """Return who calls; raises APIError for whom it refuses, as the settings have it."""
        state, plane = self.state, plane_of(endpoint)
        fault = state.next_error(endpoint)
        if fault in BEFORE_AUTHENTICATION:
            state.count_error(endpoint)
            raise named_error(fault, plane, key or "")
        if key is None:
            raise no_key()
        caller = self.authenticate(state.organization, key, state.now())
        if caller is None:
            raise invalid_api_key(key)
        if fault is not None:
            state.count_error(endpoint)
            raise named_error(fault, plane, key, state.settings.retry_after)
        per_minute = lookup(state.settings.requests_per_minute, endpoint, None)
        if per_minute is not None:
            wait = state.limiter.take(endpoint, per_minute, state.now())
            if wait > 0:
                raise rate_limited(plane, wait)
        return caller

    def count(self, endpoint: Endpoint, key: str | None, status: int) -> None:
        """Count an answer."""
        self.state.request_counters.count_answer(endpoint, status)
        if key is not None and plane_of(endpoint) == "data_plane":
            self.state.request_counters.count_request(fingerprint(digest(key)), status)


class _DroppedResponse(Response):
    """Hangs up in place of an answer."""

    def __init__(self, abort_connection: AbortConnection) -> None:
        super().__init__()
        self._abort_connection = abort_connection

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Close the connection, and return once the server has seen it closed.

        Before that, the server would answer 500, because the application returns without an answer.
        """
        del send
        exchange_of(scope).aborted = True
        self._abort_connection(scope["client"])
        while (await receive())["type"] != "http.disconnect":
            pass


async def json_object(request: Request) -> dict[str, object]:
    """Return the request's JSON object; raises APIError (400) when it is none."""
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise api_error(
            400,
            "We could not parse the JSON body of your request. (HINT: This likely means you "
            "aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but "
            "what was sent was not valid JSON.)",
        )
    return body


def bearer_token(request: HTTPConnection) -> str | None:
    """Return the key that a request carries, if any."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None
