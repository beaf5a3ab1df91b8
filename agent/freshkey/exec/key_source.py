"""Where the keys come from: the agent's streams, one for each key, and an agent of our own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Protocol, final

from freshkey.exec.agent_stream import AgentStream
from freshkey.exec.answers import Answer
from freshkey.exec.key_names import THE_ONLY_KEY, is_stale, key_in, only_key
from freshkey.exec.own_agent import WRONG_SETTINGS, OwnAgent
from freshkey.logs.standard_error import tell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from selectors import BaseSelector

    from freshkey.core.model.secret import Secret
    from freshkey.exec.processes import Found

_QUIET: Final = 2.0  # seconds without news of a key before a word about it


class OnKey(Protocol):
    """Takes a key of a name."""

    def __call__(self, name: str, key: Secret, now: float, *, stale: bool) -> None:
        """Take it; `stale` if it is past its end."""


class HopelessError(Exception):
    """No key will come: one line, empty if it was said already, and an exit status."""

    def __init__(self, line: str, status: int = 1) -> None:
        super().__init__(line)
        self.status = status


@final
class KeySource:
    """Calls `on_key` with each key in `variables`, and with its successors: see Supervision.

    The name that stands for the only key is looked up in the agent's list first. `status_command`
    is what tells a person more about this agent.
    """

    def __init__(
        self,
        socket: Path,
        variables: Mapping[str, str],
        selector: BaseSelector,
        on_key: OnKey,
        status_command: str,
    ) -> None:
        self._socket = socket
        self._selector = selector
        self._on_key = on_key
        self._status_command = status_command
        self._own: OwnAgent | None = None
        self._wrong_settings = False
        self._silent_since: float | None = None
        self._told = False
        self._list: AgentStream | None = None
        self._names: dict[AgentStream, str] = {}
        for name in sorted(set(variables.values())):
            if name == THE_ONLY_KEY:
                self._list = AgentStream(socket, "/v1/keys", selector)
            else:
                self._names[self._events(name)] = name

    @property
    def unanswered(self) -> bool:
        """Whether nobody listens at the socket."""
        return any(stream.unanswered for stream in self._streams())

    @property
    def agent_runs(self) -> bool:
        """Whether an agent of our own is running."""
        return self._own is not None and self._own.runs

    def start_agent(self, config: Path, found: Found) -> None:
        """Be the agent: with the next `plan` one is started."""
        self._own = OwnAgent(config, os.environ, found)

    def plan(self, now: float) -> None:
        """Connect, or start the agent, where it is time to."""
        if self._own is not None:
            self._own.plan(now)
        for stream in self._streams():
            stream.plan(now)

    def due(self) -> float:
        """Return when there is something to do, unless bytes come before."""
        dues = [stream.due() for stream in self._streams()]
        if self._own is not None and (due := self._own.due()) is not None:
            dues.append(due)
        if self._silent_since is not None and not self._told:
            dues.append(self._silent_since + _QUIET)
        return min(dues)

    def receive(self, stream: AgentStream, now: float) -> None:
        """Take what came on a stream; raises ChoiceError when there is no only key."""
        for item in stream.receive(now):
            if stream is self._list:
                name = only_key(item.content) if isinstance(item, Answer) else None
                if name is not None:
                    stream.close()
                    self._list = None
                    self._names[self._events(name)] = THE_ONLY_KEY
            elif not isinstance(item, Answer) and (key := key_in(item.content)) is not None:
                self._on_key(self._names[stream], key, now, stale=is_stale(item.content))

    def ask_again(self, now: float) -> None:
        """Ask for the keys anew, also for those that came before."""
        for stream in self._names:
            stream.ask_again(now)

    def answers(self, name: str) -> bool:
        """Whether the agent has been asked for this key, and would give it if it had it."""
        return any(key == name and stream.is_open for stream, key in self._names.items())

    def on_ended(self, process: int, wait_status: int, now: float) -> None:
        """Take the end of a process, which may be the agent's."""
        if self._own is not None:
            status = self._own.on_ended(process, wait_status, now)
            self._wrong_settings |= status == WRONG_SETTINGS

    def raise_if_hopeless(self) -> None:
        """Raise HopelessError when only a person can make a key come."""
        if self._wrong_settings:
            raise HopelessError("", WRONG_SETTINGS)  # the agent has said what is wrong
        for stream in self._streams():
            if stream.hopeless:
                raise HopelessError(stream.trouble)

    def complain(self, now: float, missing: Sequence[str]) -> None:
        """Say once why there is no news, when that lasts; `missing` are keys that never came."""
        reason = next((stream.trouble for stream in self._streams() if stream.trouble), "")
        if missing and not reason:
            names = ", ".join(name for name in missing if name) or "the key"
            reason = f"{names}: the agent has no key yet: `{self._status_command}` says why"
        if not reason:
            self._silent_since, self._told = None, False
        elif self._silent_since is None:
            self._silent_since = now
        elif not self._told and now >= self._silent_since + _QUIET:
            tell(f"freshkey: {reason} (trying again)")
            self._told = True

    def end(self) -> None:
        """Hang up, and have an agent of our own end."""
        for stream in self._streams():
            stream.close()
        if self._own is not None:
            self._own.end()

    def _streams(self) -> list[AgentStream]:
        return [*([self._list] if self._list is not None else []), *self._names]

    def _events(self, name: str) -> AgentStream:
        return AgentStream(self._socket, f"/v1/keys/{name}/events", self._selector)
