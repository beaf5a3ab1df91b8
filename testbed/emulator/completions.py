"""What the model says, as bodies and event streams of chat completions and responses.

Source: `openai/types/chat` and `openai/types/responses` of openai-python.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from testbed.emulator.records import new_id
from testbed.emulator.usage import Amount

REPLY = ("The ", "key ", "works.")
"""Every answer, in the pieces of a stream: a token each."""

DONE = "data: [DONE]\n\n"
Body = dict[str, object]


def words(count: int | None) -> tuple[str, ...]:
    """Return a reply of so many pieces, which count themselves; None: the usual one."""
    return REPLY if count is None else tuple(f"{number} " for number in range(count))


@dataclass(frozen=True, slots=True)
class Prompt:
    """What was asked. Times are Unix seconds."""

    model: str
    word_count: int
    now: float
    include_usage: bool = False
    pieces: tuple[str, ...] = REPLY

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(self.pieces)

    @property
    def amount(self) -> Amount:
        """What this costs, a word being a token."""
        return Amount(1, self.word_count, len(self.pieces))


def chat_completion(prompt: Prompt) -> Body:
    """Return the answer of POST /v1/chat/completions."""
    message: Body = {
        "role": "assistant",
        "content": prompt.text,
        "refusal": None,
        "annotations": [],
    }
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {
        **_chat_head(prompt, "chat.completion"),
        "choices": [choice],
        "usage": _chat_usage(prompt),
    }


def chat_events(prompt: Prompt) -> Iterator[str]:
    """Yield the server-sent events of a streamed chat completion."""
    head = _chat_head(prompt, "chat.completion.chunk")
    if prompt.include_usage:
        head["usage"] = None
    first: Body = {"role": "assistant", "content": "", "refusal": None}
    for delta in (first, *({"content": piece} for piece in prompt.pieces), {}):
        reason = None if delta else "stop"
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        yield _event({**head, "choices": [choice]})
    if prompt.include_usage:
        yield _event({**head, "choices": [], "usage": _chat_usage(prompt)})
    yield DONE


def response(prompt: Prompt) -> Body:
    """Return the answer of POST /v1/responses."""
    return _response(prompt, new_id("resp_"), new_id("msg_"), status="completed")


def response_events(prompt: Prompt) -> Iterator[str]:
    """Yield the server-sent events of a streamed response, numbered from 0."""
    for number, event in enumerate(_response_events(prompt)):
        yield f"event: {event['type']}\n" + _event({**event, "sequence_number": number})


def _response_events(prompt: Prompt) -> Iterator[Body]:
    response_id, item_id = new_id("resp_"), new_id("msg_")
    begun = _response(prompt, response_id, item_id, status="in_progress")
    position = {"item_id": item_id, "output_index": 0, "content_index": 0}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    message, text = _message(item_id, prompt.text), prompt.text
    empty = {**message, "content": [], "status": "in_progress"}
    yield {"type": "response.output_item.added", "output_index": 0, "item": empty}
    yield {"type": "response.content_part.added", **position, "part": _part("")}
    for piece in prompt.pieces:
        yield {"type": "response.output_text.delta", **position, "delta": piece, "logprobs": []}
    yield {"type": "response.output_text.done", **position, "text": text, "logprobs": []}
    yield {"type": "response.content_part.done", **position, "part": _part(text)}
    yield {"type": "response.output_item.done", "output_index": 0, "item": message}
    done = _response(prompt, response_id, item_id, status="completed")
    yield {"type": "response.completed", "response": done}


def _event(data: Body) -> str:
    return f"data: {json.dumps(data, separators=(',', ':'))}\n\n"


def _chat_head(prompt: Prompt, kind: str) -> Body:
    return {
        "id": new_id("chatcmpl-"),
        "object": kind,
        "created": int(prompt.now),
        "model": prompt.model,
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _chat_usage(prompt: Prompt) -> Body:
    amount = prompt.amount
    return {
        "prompt_tokens": amount.input_tokens,
        "completion_tokens": amount.output_tokens,
        "total_tokens": amount.input_tokens + amount.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _part(text: str) -> Body:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _message(item_id: str, text: str) -> Body:
    return {
        "id": item_id,
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [_part(text)],
    }


def _response(prompt: Prompt, response_id: str, item_id: str, *, status: str) -> Body:
    completed, amount = status == "completed", prompt.amount
    usage = {
        "input_tokens": amount.input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": amount.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": amount.input_tokens + amount.output_tokens,
    }
    return {
        "id": response_id,
        "object": "response",
        "created_at": int(prompt.now),
        "completed_at": int(prompt.now) if completed else None,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "model": prompt.model,
        "output": [_message(item_id, prompt.text)] if completed else [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default" if completed else "auto",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage if completed else None,
        "user": None,
        "metadata": {},
    }
