"""The data plane: models, chat completions, and responses.

Source: https://platform.openai.com/docs/api-reference
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from testbed.emulator.completions import (
    Body,
    Prompt,
    chat_completion,
    chat_events,
    response,
    response_events,
    words,
)
from testbed.emulator.endpoints import DataPlaneEndpoint
from testbed.emulator.middleware import Middleware, json_object
from testbed.emulator.parameters import require, require_model
from testbed.emulator.records import ServiceAccount
from testbed.emulator.settings import lookup
from testbed.emulator.state import EmulatorState
from testbed.emulator.streams import Streams
from testbed.emulator.usage import Origin

MODELS = ("gpt-4.1-mini", "gpt-4o-mini")
"""What /v1/models lists; any name is answered."""

MODELS_CREATED = 1_721_172_741


@dataclass(frozen=True)
class _Form:
    """How an endpoint asks and answers."""

    endpoint: DataPlaneEndpoint
    input_field: str
    make_body: Callable[[Prompt], Body]
    make_events: Callable[[Prompt], Iterator[str]]


class DataPlane:
    """The endpoints that a service account's key opens."""

    def __init__(self, state: EmulatorState, streams: Streams) -> None:
        self._state = state
        self._streams = streams

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
        form = _Form("chat.completions", "messages", chat_completion, chat_events)
        return await self._complete(request, caller, form)

    async def _responses(self, request: Request, caller: ServiceAccount) -> Response:
        form = _Form("responses", "input", response, response_events)
        return await self._complete(request, caller, form)

    async def _complete(self, request: Request, caller: ServiceAccount, form: "_Form") -> Response:
        body = await json_object(request)
        prompt = self._prompt(body, form)
        origin = Origin(caller.project_id, caller.key.id, prompt.model)
        self._state.usage.record(origin, prompt.amount, prompt.now)
        if body.get("stream") is True:
            return self._streams.answer(request, form.endpoint, form.make_events(prompt))
        return JSONResponse(form.make_body(prompt))

    def _prompt(self, body: Body, form: "_Form") -> Prompt:
        model = require_model(body)
        said = require(body, form.input_field)
        options = body.get("stream_options")
        return Prompt(
            model=model,
            word_count=len(str(said).split()),
            now=self._state.now(),
            include_usage=isinstance(options, dict) and options.get("include_usage") is True,
            pieces=words(lookup(self._state.settings.stream_events, form.endpoint, None)),
        )
