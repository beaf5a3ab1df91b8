"""Embeddings: the same text has the same vector.

Source: https://platform.openai.com/docs/api-reference/embeddings/create
"""

import hashlib
import struct
from base64 import b64encode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from testbed.emulator.errors import api_error
from testbed.emulator.middleware import Middleware, json_object
from testbed.emulator.parameters import require, require_model
from testbed.emulator.records import ServiceAccount

DIMENSIONS = 8
"""By default: few, since nobody reads them."""

LARGEST = 255.0


class EmbeddingsAPI:
    """The endpoint /v1/embeddings."""

    def routes(self, middleware: Middleware[ServiceAccount]) -> list[Route]:
        """Return the route, behind the middleware."""
        return [middleware.route("POST", "/v1/embeddings", "embeddings", self._create)]

    async def _create(self, request: Request, _: ServiceAccount) -> Response:
        body = await json_object(request)
        model, inputs = require_model(body), _inputs(require(body, "input"))
        dimensions = body.get("dimensions") or DIMENSIONS
        if not isinstance(dimensions, int):
            raise api_error(400, "Invalid type for 'dimensions'.", param="dimensions")
        in_base64 = body.get("encoding_format") == "base64"
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": _base64(vector) if in_base64 else vector,
            }
            for index, vector in enumerate(_vector(text, dimensions) for text in inputs)
        ]
        tokens = sum(len(text.split()) for text in inputs)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return JSONResponse({"object": "list", "data": data, "model": model, "usage": usage})


def _inputs(value: object) -> list[str]:
    """Return what is asked for: a text or a list of tokens, or a list of either."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not value:
        raise api_error(400, "Invalid value for 'input'.", param="input", code="invalid_value")
    if all(isinstance(item, int) for item in value):
        return [" ".join(map(str, value))]
    return [
        item if isinstance(item, str) else " ".join(map(str, item))
        for item in value
        if isinstance(item, str | list)
    ]


def _vector(text: str, dimensions: int) -> list[float]:
    content = hashlib.shake_256(text.encode()).digest(dimensions)
    return [byte / LARGEST for byte in content]


def _base64(vector: list[float]) -> str:
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
