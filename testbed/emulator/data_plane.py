"""The data plane: models, chat completions, and responses.

Source: https://platform.openai.com/docs/api-reference
"""

from collections.abc import AsyncIterator, Callable, Iterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from testbed.emulator.completions import (
    Body,
    Prompt,
    chat_completion,
    chat_events,
    response,
    response_events,
)
from testbed.emulator.errors import api_error
from testbed.emulator.middleware import Middleware, json_object
from testbed.emulator.records import ServiceAccount
from testbed.emulator.state import EmulatorState
from testbed.emulator.usage import Origin

MODELS = ("gpt-4.1-mini", "gpt-4o-mini")
"""What /v1/models lists; any name is answered."""

MODELS_CREATED = 1_721_172_741


class DataPlane:
    """The endpoints that a service account's key opens."""

    def __init__(self, state: EmulatorState) -> None:
        self._state = state

    def routes(self, middleware: Middleware[ServiceAccount]) -> list[Route]:
        """Return the routes, each behind the middleware."""
        return [
            middleware.route("GET", "/v1/models", "models.list", self._models),
            middleware.route("POST", "/v1/chat/completions", "chat.completions", self._chat),
            middleware.route("POST", "/v1/responses", "responses", self._responses),
        ]

    async def _models(self, _request: Request, _caller: ServiceAccount) -> Response:
        data = [
            {"id": name, "object": "model", "created": MODELS_CREATED, "owned_by": "system"}
            for name in MODELS
        ]
        return JSONResponse({"object": "list", "data": data})

    async def _chat(self, request: Request, caller: ServiceAccount) -> Response:
        return await self._complete(request, caller, "messages", chat_completion, chat_events)

    async def _responses(self, request: Request, caller: ServiceAccount) -> Response:
        return await self._complete(request, caller, "input", response, response_events)

    async def _complete(
        self,
        request: Request,
        caller: ServiceAccount,
        input_field: str,
        make_body: Callable[[Prompt], Body],
        make_events: Callable[[Prompt], Iterator[str]],
    ) -> Response:
        body = await json_object(request)
        prompt = self._prompt(body, input_field)
        origin = Origin(caller.project_id, caller.key.id, prompt.model)
        self._state.usage.record(origin, prompt.amount, prompt.now)
        if body.get("stream") is True:
            return StreamingResponse(
                _iterate_async(make_events(prompt)), media_type="text/event-stream"
            )
        return JSONResponse(make_body(prompt))

    def _prompt(self, body: Body, input_field: str) -> Prompt:
        model = body.get("model")
        if not isinstance(model, str):
            raise api_error(400, "you must provide a model parameter")
        if input_field not in body:
            message = f"Missing required parameter: '{input_field}'."
            raise api_error(400, message, param=input_field, code="missing_required_parameter")
        options = body.get("stream_options")
        return Prompt(
            model=model,
            word_count=len(str(body[input_field]).split()),
            now=self._state.now(),
            include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        )


async def _iterate_async(make_events: Iterator[str]) -> AsyncIterator[str]:
    # An async iterator, because Starlette runs a plain one in a thread.
    for event in make_events:
        yield event
