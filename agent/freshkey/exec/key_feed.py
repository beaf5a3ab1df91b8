"""The keys that a command gets: one of the agent's streams for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from freshkey.exec.agent_stream import AgentStream
from freshkey.exec.answers import Answer
from freshkey.exec.key_names import THE_ONLY_KEY, is_stale, key_in, only_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from selectors import BaseSelector

    from freshkey.exec.answers import Event
    from freshkey.exec.source import OnValue


@final
class KeyFeed:
    """Gives each key of these names, and its successors; see `source.Feed`.

    The name that stands for the only key is looked up in the agent's list first.
    """

    def __init__(
        self, socket: Path, names: Iterable[str], selector: BaseSelector, on_value: OnValue
    ) -> None:
        self._socket = socket
        self._selector = selector
        self._on_value = on_value
        self._list: AgentStream | None = None
        self._names: dict[AgentStream, str] = {}
        for name in sorted(set(names)):
            if name == THE_ONLY_KEY:
                self._list = AgentStream(socket, "/v1/keys", selector)
            else:
                self._names[self._events(name)] = name

    def streams(self) -> Sequence[AgentStream]:
        """List the streams of all keys, and that of the list."""
        return [*([self._list] if self._list is not None else []), *self._names]

    def take(self, stream: AgentStream, item: Answer | Event, now: float) -> None:
        """Take a key, or the list; raises ChoiceError when there is no only key."""
        if stream is self._list:
            name = only_key(item.content) if isinstance(item, Answer) else None
            if name is not None:
                stream.close()
                self._list = None
                self._names[self._events(name)] = THE_ONLY_KEY
        elif not isinstance(item, Answer) and (key := key_in(item.content)) is not None:
            self._on_value(self._names[stream], key, now, stale=is_stale(item.content))

    def ask_again(self, now: float) -> None:
        """Ask for the keys anew, also for those that came before."""
        for stream in self._names:
            stream.ask_again(now)

    def answers(self, name: str) -> bool:
        """Whether the agent has been asked for this key, and would give it if it had it."""
        return any(key == name and stream.is_open for stream, key in self._names.items())

    def why_missing(self, names: Sequence[str]) -> str:
        """Say why there is no such key, with the agent well."""
        named = ", ".join(name for name in names if name) or "the key"
        return f"{named}: the agent has no key yet"

    def _events(self, name: str) -> AgentStream:
        return AgentStream(self._socket, f"/v1/keys/{name}/events", self._selector)
