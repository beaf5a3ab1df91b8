"""What a command needs, from the agent at the socket, or from an agent of our own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Protocol, final

from freshkey.exec.own_agent import WRONG_SETTINGS, OwnAgent
from freshkey.logs.standard_error import tell

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from freshkey.core.model.secret import Secret
    from freshkey.exec.agent_stream import AgentStream
    from freshkey.exec.answers import Answer, Event
    from freshkey.exec.processes import Found

_QUIET: Final = 2.0  # seconds without news before a word about it


class OnValue(Protocol):
    """Takes what goes into a variable, by a name; see `Supervision.on_key`."""

    def __call__(self, name: str, key: Secret, now: float, *, stale: bool) -> None:
        """Take it; `stale` if it is a key that is past its end."""


class Feed(Protocol):
    """What the agent is asked for, and what its answers mean."""

    def streams(self) -> Sequence[AgentStream]:
        """List what the agent is asked on."""

    def take(self, stream: AgentStream, item: Answer | Event, now: float) -> None:
        """Take what came on a stream; raises ChoiceError when only a person can say what to do."""

    def ask_again(self, now: float) -> None:
        """Ask anew for what may have been withdrawn since it came."""

    def answers(self, name: str) -> bool:
        """Whether the agent has been asked for this, and would give it if it had it."""

    def why_missing(self, names: Sequence[str]) -> str:
        """Say why these did not come, although the agent answers."""


class HopelessError(Exception):
    """Nothing will come: one line, empty if it was said already, and an exit status."""

    def __init__(self, line: str, status: int = 1) -> None:
        super().__init__(line)
        self.status = status


@final
class Source:
    """Connects the streams of a feed, over all restarts of the agent.

    `status_command` is what tells a person more about this agent.
    """

    def __init__(self, feed: Feed, status_command: str) -> None:
        self._feed = feed
        self._status_command = status_command
        self._own: OwnAgent | None = None
        self._wrong_settings = False
        self._silent_since: float | None = None
        self._told = False

    @property
    def unanswered(self) -> bool:
        """Whether nobody listens at the socket."""
        return any(stream.unanswered for stream in self._feed.streams())

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
        for stream in self._feed.streams():
            stream.plan(now)

    def due(self) -> float:
        """Return when there is something to do, unless bytes come before."""
        dues = [stream.due() for stream in self._feed.streams()]
        if self._own is not None and (due := self._own.due()) is not None:
            dues.append(due)
        if self._silent_since is not None and not self._told:
            dues.append(self._silent_since + _QUIET)
        return min(dues)

    def receive(self, stream: AgentStream, now: float) -> None:
        """Take what came on a stream; raises ChoiceError: see `Feed`."""
        for item in stream.receive(now):
            self._feed.take(stream, item, now)

    def ask_again(self, now: float) -> None:
        """Ask anew for what may have been withdrawn."""
        self._feed.ask_again(now)

    def answers(self, name: str) -> bool:
        """Whether the agent has been asked for this, and would give it if it had it."""
        return self._feed.answers(name)

    def on_ended(self, process: int, wait_status: int, now: float) -> None:
        """Take the end of a process, which may be the agent's."""
        if self._own is not None:
            status = self._own.on_ended(process, wait_status, now)
            self._wrong_settings |= status == WRONG_SETTINGS

    def raise_if_hopeless(self) -> None:
        """Raise HopelessError when only a person can make it come."""
        if self._wrong_settings:
            raise HopelessError("", WRONG_SETTINGS)  # the agent has said what is wrong
        for stream in self._feed.streams():
            if stream.hopeless:
                raise HopelessError(stream.trouble)

    def complain(self, now: float, missing: Sequence[str]) -> None:
        """Say once why there is no news, when that lasts; `missing` never came."""
        reason = next((stream.trouble for stream in self._feed.streams() if stream.trouble), "")
        if missing and not reason:
            reason = f"{self._feed.why_missing(missing)}: `{self._status_command}` says why"
        if not reason:
            self._silent_since, self._told = None, False
        elif self._silent_since is None:
            self._silent_since = now
        elif not self._told and now >= self._silent_since + _QUIET:
            tell(f"freshkey: {reason} (trying again)")
            self._told = True

    def end(self) -> None:
        """Hang up, and have an agent of our own end."""
        for stream in self._feed.streams():
            stream.close()
        if self._own is not None:
            self._own.end()
