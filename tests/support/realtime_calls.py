"""A conversation over Realtime, as an application has it with the official client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openai import AsyncOpenAI, OpenAI

MODEL: Final = "gpt-realtime"
SESSION: Final[Any] = {"type": "realtime", "output_modalities": ["text"]}
ITEM: Final[Any] = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "does this key work?"}],
}
RESPONSE_TYPES: Final = (
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    *("response.output_text.delta",) * 3,
    "response.output_text.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
)
TYPES: Final = (
    "session.created",
    "session.updated",
    "conversation.item.created",
    "conversation.item.added",
    "conversation.item.done",
    *RESPONSE_TYPES,
)


def check(events: Sequence[Any]) -> None:
    """Look at a whole conversation."""
    assert tuple(event.type for event in events) == TYPES
    assert len({event.event_id for event in events}) == len(events)
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == "The key works."
    usage = events[-1].response.usage
    assert usage.output_tokens == 3
    assert usage.total_tokens == usage.input_tokens + 3


def converse(client: OpenAI) -> None:
    with client.realtime.connect(model=MODEL) as connection:
        events: list[Any] = [connection.recv()]
        connection.session.update(session=SESSION)
        connection.conversation.item.create(item=ITEM)
        connection.response.create()
        while events[-1].type != "response.done":
            events.append(connection.recv())
    check(events)


async def converse_async(client: AsyncOpenAI) -> None:
    """On asyncio: the client's WebSocket runs on nothing else."""
    async with client.realtime.connect(model=MODEL) as connection:
        events: list[Any] = [await connection.recv()]
        await connection.session.update(session=SESSION)
        await connection.conversation.item.create(item=ITEM)
        await connection.response.create()
        while events[-1].type != "response.done":
            events.append(await connection.recv())
    check(events)
