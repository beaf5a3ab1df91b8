"""Audio: every recording says that the key works, and every speech is the pattern.

Source: https://platform.openai.com/docs/api-reference/audio and `openai/types/audio`.
"""

import json
from base64 import b64encode
from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from testbed.emulator import pattern
from testbed.emulator.completions import words
from testbed.emulator.endpoints import DataPlaneEndpoint
from testbed.emulator.forms import Form, read_form
from testbed.emulator.middleware import Middleware, json_object
from testbed.emulator.parameters import require, require_model
from testbed.emulator.records import ServiceAccount
from testbed.emulator.settings import lookup
from testbed.emulator.state import EmulatorState
from testbed.emulator.streams import Streams

CHUNK = 4096
"""Bytes of speech in each event of a stream."""

BYTES_PER_TOKEN = 1600
"""Of a recording: a tenth of a second of speech at 128 kbit/s."""

BYTES_PER_SECOND = 16_000
Body = dict[str, object]


class AudioAPI:
    """The endpoints under /v1/audio."""

    def __init__(self, state: EmulatorState, streams: Streams) -> None:
        self._state = state
        self._streams = streams

    def routes(self, middleware: Middleware[ServiceAccount]) -> list[Route]:
        """Return the routes, each behind the middleware."""
        root = "/v1/audio"
        return [
            middleware.route("POST", f"{root}/speech", "audio.speech", self._speech),
            middleware.route(
                "POST",
                f"{root}/transcriptions",
                "audio.transcriptions",
                self._transcriptions,
                streams_body=True,
            ),
        ]

    async def _transcriptions(self, request: Request, _: ServiceAccount) -> Response:
        form = await read_form(request)
        form.require_field("model")
        size = form.require_file("file").size
        said = words(self._count("audio.transcriptions"))
        if form.fields.get("stream") == "true":
            events = _transcript_events(said, size)
            return self._streams.answer(request, "audio.transcriptions", events)
        return _transcript(form, "".join(said), size, len(said))

    async def _speech(self, request: Request, _: ServiceAccount) -> Response:
        body = await json_object(request)
        require_model(body)
        text = str(require(body, "input"))
        require(body, "voice")
        count = self._count("audio.speech")
        if body.get("stream_format") == "sse":
            events = _speech_events(count, len(text.split()))
            return self._streams.answer(request, "audio.speech", events)
        return self._streams.answer(request, "audio.speech", speech(count), "audio/mpeg")

    def _count(self, endpoint: DataPlaneEndpoint) -> int | None:
        return lookup(self._state.settings.stream_events, endpoint, None)


def speech(count: int | None) -> Iterator[bytes]:
    """Yield speech of so many pieces: the start of the pattern, again and again."""
    for _ in words(count):
        yield pattern.BLOCK[:CHUNK]


def _transcript(form: Form, text: str, size: int, tokens: int) -> Response:
    usage = _transcript_usage(size, tokens)
    match form.fields.get("response_format", "json"):
        case "text":
            return PlainTextResponse(f"{text}\n")
        case "verbose_json":
            seconds = size / BYTES_PER_SECOND
            by_time = {"type": "duration", "seconds": seconds}
            told = {"task": "transcribe", "language": "english", "duration": seconds}
            return JSONResponse({**told, "text": text, "segments": [], "usage": by_time})
        case _:
            return JSONResponse({"text": text, "usage": usage})


def _transcript_usage(size: int, tokens: int) -> Body:
    heard = size // BYTES_PER_TOKEN
    return {
        "type": "tokens",
        "input_tokens": heard,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
        "output_tokens": tokens,
        "total_tokens": heard + tokens,
    }


def _transcript_events(said: tuple[str, ...], size: int) -> Iterator[str]:
    for piece in said:
        yield _event({"type": "transcript.text.delta", "delta": piece})
    usage = _transcript_usage(size, len(said))
    yield _event({"type": "transcript.text.done", "text": "".join(said), "usage": usage})


def _speech_events(count: int | None, tokens: int) -> Iterator[str]:
    made = 0
    for piece in speech(count):
        made += 1
        yield _event({"type": "speech.audio.delta", "audio": b64encode(piece).decode()})
    usage = {"input_tokens": tokens, "output_tokens": made, "total_tokens": tokens + made}
    yield _event({"type": "speech.audio.done", "usage": usage})


def _event(data: Body) -> str:
    return f"data: {json.dumps(data, separators=(',', ':'))}\n\n"
