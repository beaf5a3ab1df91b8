"""The usage of answers, in any portions, and of the events of a WebSocket."""

from __future__ import annotations

import itertools
import json

import pytest
from freshkey.gateway.frames import FrameUsage
from freshkey.gateway.usage import Usage, UsageTail
from hypothesis import given
from hypothesis import strategies as st

CHAT = {"usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}}
RESPONSE = {"usage": {"input_tokens": 5, "output_tokens": 7, "output_tokens_details": {"x": 1}}}
TOLD = Usage(5, 7)


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        (json.dumps({"choices": ["x" * 10_000], **CHAT, "system_fingerprint": "fp"}), TOLD),
        (json.dumps({"output": [], **RESPONSE, "metadata": {"a": "b" * 500}}), TOLD),
        (
            json.dumps({"data": [0.1] * 1000, "usage": {"prompt_tokens": 8, "total_tokens": 8}}),
            Usage(8, 0),
        ),
        (
            'data: {"choices": [], "usage": null}\n\ndata: '
            + json.dumps(CHAT)
            + "\n\ndata: [DONE]\n\n",
            TOLD,
        ),
        ("event: response.completed\ndata: " + json.dumps({"response": RESPONSE}) + "\n\n", TOLD),
        (json.dumps({"text": '"usage": {"input_tokens": 1, "output_tokens": 1}'}), None),
        (json.dumps({"tools": {"usage": {"type": "object"}}, **RESPONSE}), TOLD),
        (json.dumps({**RESPONSE, "tools": {"usage": {"type": "object"}}}), TOLD),
        ('{"usage": {"input_tokens": true, "output_tokens": "7"}}', Usage(0, 0)),
        ('{"usage": {"input_tokens": -5, "output_tokens": 7}}', Usage(0, 7)),
        ('{"usage": {"input_tokens": 5, ', None),
        ('{"usage": ' + "{" * 3000, None),
        ("{}", None),
    ],
)
def test_usage(body: str, usage: Usage | None) -> None:
    for size in (1, 7, 1000, len(body)):
        tail = UsageTail()
        for place in range(0, len(body), size):
            tail.feed(body[place : place + size].encode())
        assert tail.find() == usage


def frame(payload: bytes, opcode: int = 1, *, final: bool = True) -> bytes:
    first = bytes([(0x80 if final else 0) | opcode])
    if len(payload) < 126:
        return first + bytes([len(payload)]) + payload
    if len(payload) < 1 << 16:
        return first + b"\x7e" + len(payload).to_bytes(2) + payload
    return first + b"\x7f" + len(payload).to_bytes(8) + payload


DONE = json.dumps({"type": "response.done", "response": RESPONSE}).encode()
FRAMES = (
    frame(b'{"type": "session.created"}')
    + frame(DONE)
    + frame(b"ping", 9)
    + frame(DONE[:50], final=False)
    + frame(b"", 9)
    + frame(DONE[50:], 0)
    + frame(b"x" * 70_000 + DONE, 2)
    + frame(b'{"x": "' + b"x" * 70_000 + b'", ' + DONE[1:])
    + frame(b"", 8)
)


@given(st.lists(st.integers(min_value=0, max_value=len(FRAMES)), max_size=20))
def test_frames_in_any_portions(places: list[int]) -> None:
    """Text messages alone count, whole, in parts, and long."""
    frames = FrameUsage()
    cuts = [0, *sorted(places), len(FRAMES)]
    for start, end in itertools.pairwise(cuts):
        frames.feed(FRAMES[start:end])
    assert frames.total == Usage(15, 21)


@given(st.binary(max_size=100))
def test_any_bytes_are_taken(data: bytes) -> None:
    FrameUsage().feed(data)
