"""Images: of any prompt the same bytes, as many as the setting `image_bytes` says.

Source: https://platform.openai.com/docs/api-reference/images and `openai/types/images_response.py`.
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from testbed.emulator import pattern
from testbed.emulator.endpoints import DataPlaneEndpoint
from testbed.emulator.forms import read_form
from testbed.emulator.middleware import Middleware, json_object
from testbed.emulator.parameters import require
from testbed.emulator.records import ServiceAccount
from testbed.emulator.state import EmulatorState
from testbed.emulator.streams import Streams

SIGNATURE = b"\x89PNG\r\n\x1a\n"
IMAGE_TOKENS = 272
"""What an image of low quality costs, read or made."""

LOOKS = {"background": "opaque", "output_format": "png", "quality": "low", "size": "1024x1024"}
Body = dict[str, object]


def image(size: int) -> bytes:
    """Return an image of so many bytes, or as few as a PNG's signature has."""
    return b"".join([SIGNATURE, *pattern.pieces(max(size - len(SIGNATURE), 0))])


@dataclass(frozen=True, slots=True)
class _Wish:
    prompt: str
    count: int
    partial_images: int
    streamed: bool
    images_sent: int = 0

    def usage(self) -> Body:
        words, read = len(self.prompt.split()), self.images_sent * IMAGE_TOKENS
        made = self.count * IMAGE_TOKENS
        return {
            "input_tokens": words + read,
            "input_tokens_details": {"image_tokens": read, "text_tokens": words},
            "output_tokens": made,
            "output_tokens_details": {"image_tokens": made, "text_tokens": 0},
            "total_tokens": words + read + made,
        }


class ImagesAPI:
    """The endpoints under /v1/images."""

    def __init__(self, state: EmulatorState, streams: Streams) -> None:
        self._state = state
        self._streams = streams

    def routes(self, middleware: Middleware[ServiceAccount]) -> list[Route]:
        """Return the routes, each behind the middleware."""
        root = "/v1/images"
        return [
            middleware.route(
                "POST", f"{root}/generations", "images.generations", self._generations
            ),
            middleware.route(
                "POST", f"{root}/edits", "images.edits", self._edits, streams_body=True
            ),
        ]

    async def _generations(self, request: Request, _: ServiceAccount) -> Response:
        body = await json_object(request)
        wish = _Wish(
            prompt=str(require(body, "prompt")),
            count=_number(body.get("n"), 1),
            partial_images=_number(body.get("partial_images"), 0),
            streamed=body.get("stream") is True,
        )
        return self._answer(request, "images.generations", wish, "image_generation")

    async def _edits(self, request: Request, _: ServiceAccount) -> Response:
        form = await read_form(request)
        form.require_file("image", "image[]", "image[0]")
        wish = _Wish(
            prompt=form.require_field("prompt"),
            count=_number(form.fields.get("n"), 1),
            partial_images=_number(form.fields.get("partial_images"), 0),
            streamed=form.fields.get("stream") == "true",
            images_sent=1,
        )
        return self._answer(request, "images.edits", wish, "image_edit")

    def _answer(
        self, request: Request, endpoint: DataPlaneEndpoint, wish: _Wish, kind: str
    ) -> Response:
        content = b64encode(image(self._state.settings.image_bytes)).decode()
        now = int(self._state.now())
        if wish.streamed:
            return self._streams.answer(request, endpoint, _events(wish, kind, content, now))
        data = [{"b64_json": content} for _ in range(wish.count)]
        return JSONResponse({"created": now, **LOOKS, "data": data, "usage": wish.usage()})


def _events(wish: _Wish, kind: str, content: str, now: int) -> Iterator[str]:
    same = {"created_at": now, **LOOKS, "b64_json": content}
    for index in range(wish.partial_images):
        yield _event({"type": f"{kind}.partial_image", "partial_image_index": index, **same})
    yield _event({"type": f"{kind}.completed", **same, "usage": wish.usage()})


def _event(data: Body) -> str:
    return f"event: {data['type']}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"


def _number(value: object, default: int) -> int:
    return int(value) if isinstance(value, int | str) and str(value).isdecimal() else default
