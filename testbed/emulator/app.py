"""The ASGI application: organization API, token exchange, data plane, and control."""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware as ASGIMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from testbed.emulator.audio import AudioAPI
from testbed.emulator.control import Control
from testbed.emulator.data_plane import DataPlane
from testbed.emulator.embeddings import EmbeddingsAPI
from testbed.emulator.errors import api_error
from testbed.emulator.exchange_api import ExchangeAPI
from testbed.emulator.federation_api import FederationAPI
from testbed.emulator.files import FilesAPI
from testbed.emulator.images import ImagesAPI
from testbed.emulator.middleware import AbortConnection, Middleware
from testbed.emulator.observer import Observer
from testbed.emulator.organization import Organization
from testbed.emulator.organization_api import OrganizationAPI
from testbed.emulator.realtime import RealtimeAPI
from testbed.emulator.records import new_id
from testbed.emulator.state import EmulatorState
from testbed.emulator.streams import Streams
from testbed.emulator.usage_api import UsageAPI


def create_app(now: Callable[[], float], abort_connection: AbortConnection) -> Starlette:
    """Return the application.

    `now` returns Unix seconds and never steps back; `abort_connection` closes the connection from a
    client's address. Delays sleep on the event loop's clock (asyncio or trio).
    """
    state = EmulatorState(now)
    admins = Middleware(state, Organization.authenticate_admin, abort_connection)
    accounts = Middleware(state, Organization.authenticate, abort_connection)
    streams = Streams(state, abort_connection)
    return Starlette(
        routes=[
            *OrganizationAPI(state).routes(admins),
            *UsageAPI(state).routes(admins),
            *FederationAPI(state).routes(admins),
            *ExchangeAPI(state).routes(),
            *DataPlane(state, streams).routes(accounts),
            *EmbeddingsAPI().routes(accounts),
            *FilesAPI(state, streams).routes(accounts),
            *ImagesAPI(state, streams).routes(accounts),
            *AudioAPI(state, streams).routes(accounts),
            *RealtimeAPI(state, streams).routes(accounts),
            *Control(state).routes(),
        ],
        middleware=[ASGIMiddleware(Observer, state=state)],
        exception_handlers={404: _no_route, 405: _no_route},
    )


async def _no_route(request: Request, exc: Exception) -> Response:
    status = exc.status_code if isinstance(exc, HTTPException) else 404
    error = api_error(status, f"Invalid URL ({request.method} {request.url.path})")
    return JSONResponse(error.body, error.status, {"x-request-id": new_id("req_")})
