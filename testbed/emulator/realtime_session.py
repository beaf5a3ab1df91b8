"""One Realtime session: what the client's events do.

Source: https://platform.openai.com/docs/api-reference/realtime-client-events
"""

import json
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
from anyio.abc import TaskGroup

from testbed.emulator.completions import words
from testbed.emulator.realtime_events import Answer, Body, error, item_events, session
from testbed.emulator.records import new_id
from testbed.emulator.settings import lookup
from testbed.emulator.state import EmulatorState
from testbed.emulator.streams import Streams

Sender = Callable[[str], Awaitable[None]]


class Session:
    """A session of a model; `send` takes JSON text, `abort` closes the connection at once."""

    def __init__(
        self,
        state: EmulatorState,
        streams: Streams,
        model: str,
        send: Sender,
        abort: Callable[[], None],
    ) -> None:
        self._state = state
        self._streams = streams
        self._send_text = send
        self._abort = abort
        self._about = session(model, state.now())
        self._conversation_id = new_id("conv_")
        self._last_item: object = None
        self._words = 0
        self._audio = 0
        self._answering: anyio.CancelScope | None = None

    async def begin(self) -> None:
        """Send the first event."""
        await self.send({"type": "session.created", "session": self._about})

    async def send(self, event: Body) -> None:
        """Send an event, with an id of its own."""
        told = {"type": event["type"], "event_id": new_id("event_"), **event}
        await self._send_text(json.dumps(told, separators=(",", ":")))

    async def take(self, text: str, tasks: TaskGroup) -> None:
        """Do what a client's event asks for; a response goes on in a task of its own."""
        try:
            event = json.loads(text)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            await self._complain("The event is not a JSON object.", "invalid_json", {})
            return
        match event.get("type"):
            case "session.update":
                await self._update(event)
            case "conversation.item.create":
                await self._create_item(event)
            case "input_audio_buffer.append":
                self._audio += len(str(event.get("audio", "")))
            case "input_audio_buffer.commit":
                await self._commit(event)
            case "input_audio_buffer.clear":
                self._audio = 0
                await self.send({"type": "input_audio_buffer.cleared"})
            case "response.create":
                await self._start_answer(event, tasks)
            case "response.cancel":
                await self._cancel_answer(event)
            case other:
                await self._complain(f"Invalid value: {other!r}.", "invalid_value", event)

    async def _update(self, event: Body) -> None:
        wanted = event.get("session")
        if not isinstance(wanted, dict):
            message = "Missing required parameter: 'session'."
            await self._complain(message, "missing_required_parameter", event)
            return
        self._about = {**self._about, **wanted}
        await self.send({"type": "session.updated", "session": self._about})

    async def _create_item(self, event: Body) -> None:
        wanted = event.get("item")
        if not isinstance(wanted, dict):
            message = "Missing required parameter: 'item'."
            await self._complain(message, "missing_required_parameter", event)
            return
        item = {
            "id": new_id("item_"),
            "object": "realtime.item",
            "status": "completed",
            **wanted,
        }
        self._words += len(str(wanted.get("content", "")).split())
        await self._add(item)

    async def _commit(self, event: Body) -> None:
        if self._audio == 0:
            message = "Error committing input audio buffer: buffer too small."
            await self._complain(message, "input_audio_buffer_commit_empty", event)
            return
        self._audio = 0
        item_id, previous = new_id("item_"), self._last_item
        told = {"previous_item_id": previous, "item_id": item_id}
        await self.send({"type": "input_audio_buffer.committed", **told})
        content = [{"type": "input_audio", "transcript": None}]
        about = {"object": "realtime.item", "status": "completed", "type": "message"}
        await self._add({"id": item_id, **about, "role": "user", "content": content})

    async def _add(self, item: Body) -> None:
        previous, self._last_item = self._last_item, item["id"]
        for event in item_events(item, previous):
            await self.send(event)

    async def _start_answer(self, event: Body, tasks: TaskGroup) -> None:
        if self._answering is not None:
            message = "Conversation already has an active response in progress."
            await self._complain(message, "conversation_already_has_active_response", event)
            return
        self._answering = anyio.CancelScope()
        tasks.start_soon(partial(self._answer, self._answering))

    async def _cancel_answer(self, event: Body) -> None:
        if self._answering is None:
            message = "Cancellation failed: no active response found."
            await self._complain(message, "response_cancel_not_active", event)
            return
        self._answering.cancel()

    async def _answer(self, scope: anyio.CancelScope) -> None:
        pieces = words(lookup(self._state.settings.stream_events, "realtime", None))
        answer = Answer(
            id=new_id("resp_"),
            item_id=new_id("item_"),
            previous=self._last_item,
            pieces=pieces,
            words=self._words,
            conversation_id=self._conversation_id,
        )
        self._last_item = answer.item_id
        with scope:
            events = self._streams.pace("realtime", answer.events(), self._abort)
            async for event in events:
                if event["type"] == "response.done":
                    self._answering = None
                await self.send(event)
        if scope.cancelled_caught:
            self._answering = None
            response = answer.response("cancelled", [])
            await self.send({"type": "response.done", "response": response})

    async def _complain(self, message: str, code: str, event: Body) -> None:
        await self.send(error(message, code=code, event_id=event.get("event_id")))
