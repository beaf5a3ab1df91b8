"""What Realtime sends, event by event.

Source: https://platform.openai.com/docs/api-reference/realtime-server-events and
`openai/types/realtime`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from testbed.emulator.errors import APIError
from testbed.emulator.records import new_id

SESSION_LIFETIME = 3600
"""Seconds."""

Body = dict[str, object]


def session(model: str, now: float) -> Body:
    """Return a session as it begins; this one answers in text."""
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": new_id("sess_"),
        "model": model,
        "output_modalities": ["text"],
        "instructions": "You are a key that works.",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "prompt": None,
        "expires_at": int(now) + SESSION_LIFETIME,
        "include": None,
    }


def error(message: str, *, code: str | None, event_id: object, kind: str | None = None) -> Body:
    """Return an error that ends nothing; `event_id` is the client's event's."""
    told = {
        "type": kind or "invalid_request_error",
        "code": code,
        "message": message,
        "param": None,
        "event_id": event_id if isinstance(event_id, str) else None,
    }
    return {"type": "error", "error": told}


def refusal(why: APIError) -> Body:
    """Return the error event of a refused key."""
    told = why.body["error"]
    if not isinstance(told, dict):
        return error(str(told), code=None, event_id=None)
    return error(told["message"], code=told["code"], event_id=None, kind=told["type"])


def item_events(item: Body, previous: object) -> Iterator[Body]:
    """Yield what follows the creation of an item."""
    for kind in ("created", "added", "done"):
        yield {"type": f"conversation.item.{kind}", "previous_item_id": previous, "item": item}


@dataclass(frozen=True)
class Answer:
    """A response to be: its pieces, what came before it, and the words that it answers."""

    id: str
    item_id: str
    previous: object
    pieces: tuple[str, ...]
    words: int
    conversation_id: str

    def events(self) -> Iterator[Body]:
        """Yield the events of a response that completes, in their order."""
        of = {"response_id": self.id}
        at = {**of, "output_index": 0}
        place = {**at, "item_id": self.item_id, "content_index": 0}
        text = "".join(self.pieces)
        part = {"type": "text", "text": text}
        begun = self._item("in_progress", [])
        done = self._item("completed", [{"type": "output_text", "text": text}])
        yield {"type": "response.created", "response": self.response("in_progress", [])}
        yield {"type": "response.output_item.added", **at, "item": begun}
        yield {
            "type": "conversation.item.added",
            "previous_item_id": self.previous,
            "item": begun,
        }
        empty = {"type": "text", "text": ""}
        yield {"type": "response.content_part.added", **place, "part": empty}
        for piece in self.pieces:
            yield {"type": "response.output_text.delta", **place, "delta": piece}
        yield {"type": "response.output_text.done", **place, "text": text}
        yield {"type": "response.content_part.done", **place, "part": part}
        yield {"type": "conversation.item.done", "previous_item_id": self.previous, "item": done}
        yield {"type": "response.output_item.done", **at, "item": done}
        yield {"type": "response.done", "response": self.response("completed", [done])}

    def response(self, status: str, output: list[Body]) -> Body:
        """Return the response as it is told of; with its usage once it is over."""
        over = status != "in_progress"
        details: Body = {"type": status}
        if status == "cancelled":
            details["reason"] = "client_cancelled"
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details if over else None,
            "output": output,
            "output_modalities": ["text"],
            "max_output_tokens": "inf",
            "conversation_id": self.conversation_id,
            "metadata": None,
            "usage": self._usage() if over else None,
        }

    def _item(self, status: str, content: list[Body]) -> Body:
        return {
            "id": self.item_id,
            "object": "realtime.item",
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        }

    def _usage(self) -> Body:
        made = len(self.pieces)
        cached = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
        return {
            "total_tokens": self.words + made,
            "input_tokens": self.words,
            "output_tokens": made,
            "input_token_details": {
                "text_tokens": self.words,
                "audio_tokens": 0,
                "image_tokens": 0,
                "cached_tokens": 0,
                "cached_tokens_details": cached,
            },
            "output_token_details": {"text_tokens": made, "audio_tokens": 0},
        }
