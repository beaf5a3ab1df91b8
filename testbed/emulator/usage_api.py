"""The organization API's usage and costs.

Source: https://platform.openai.com/docs/api-reference/usage
"""

import math

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from testbed.emulator.errors import api_error
from testbed.emulator.middleware import Middleware
from testbed.emulator.paging import integer, limit, values
from testbed.emulator.records import AdminKey
from testbed.emulator.state import EmulatorState
from testbed.emulator.usage import DAY, MINUTE, Query

WIDTHS = {"1m": (MINUTE, 60, 1440), "1h": (3600, 24, 168), "1d": (DAY, 7, 31)}
"""By `bucket_width`: seconds, default limit, and largest limit."""

COSTS_LIMITS = (7, 180)
PAGE = "page_"


class UsageAPI:
    """The endpoints /v1/organization/usage/completions and /v1/organization/costs."""

    def __init__(self, state: EmulatorState) -> None:
        self._state = state

    def routes(self, middleware: Middleware[AdminKey]) -> list[Route]:
        """Return the routes, each behind the middleware."""
        root = "/v1/organization"
        return [
            middleware.route(
                "GET", f"{root}/usage/completions", "usage.completions", self._completions
            ),
            middleware.route("GET", f"{root}/costs", "costs", self._costs),
        ]

    async def _completions(self, request: Request, _: AdminKey) -> Response:
        width = request.query_params.get("bucket_width", "1d")
        if width not in WIDTHS:
            raise api_error(
                400,
                f"Invalid value: '{width}'. Supported values are: '1m', '1h', and '1d'.",
                param="bucket_width",
                code="invalid_value",
            )
        query = self._query(request, *WIDTHS[width])
        return JSONResponse(self._state.usage.completions(query))

    async def _costs(self, request: Request, _: AdminKey) -> Response:
        return JSONResponse(self._state.usage.costs(self._query(request, DAY, *COSTS_LIMITS)))

    def _query(self, request: Request, width: int, default: int, maximum: int) -> Query:
        query = request.query_params
        start = integer(query, "start_time")
        cursor = query.get("page", "")
        if cursor.startswith(PAGE) and cursor.removeprefix(PAGE).isdecimal():
            start = int(cursor.removeprefix(PAGE))
        return Query(
            start=start,
            end=integer(query, "end_time", math.ceil(self._state.now())),
            width=width,
            limit=limit(query, default, maximum),
            group_by=values(query, "group_by"),
            api_key_ids=values(query, "api_key_ids"),
            project_ids=values(query, "project_ids"),
        )
