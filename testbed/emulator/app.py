"""The ASGI application: organization API, data plane, and control."""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from testbed.emulator.control import Control
from testbed.emulator.data_plane import DataPlane
from testbed.emulator.errors import api_error
from testbed.emulator.gate import Gate, HangUp
from testbed.emulator.organization import OrganizationAPI
from testbed.emulator.state import Organization
from testbed.emulator.usage_api import UsageAPI
from testbed.emulator.world import World


def create_app(now: Callable[[], float], hang_up: HangUp) -> Starlette:
    """Return the application.

    `now` returns Unix seconds and never steps back; `hang_up` closes the connection from a
    client's address. Delays sleep on the event loop's clock (asyncio or trio).
    """
    world = World(now)
    admins = Gate(world, Organization.authenticate_admin, hang_up)
    accounts = Gate(world, Organization.authenticate, hang_up)
    return Starlette(
        routes=[
            *OrganizationAPI(world).routes(admins),
            *UsageAPI(world).routes(admins),
            *DataPlane(world).routes(accounts),
            *Control(world).routes(),
        ],
        exception_handlers={404: _no_route, 405: _no_route},
    )


async def _no_route(request: Request, exc: Exception) -> Response:
    status = exc.status_code if isinstance(exc, HTTPException) else 404
    error = api_error(status, f"Invalid URL ({request.method} {request.url.path})")
    return JSONResponse(error.body, error.status)
