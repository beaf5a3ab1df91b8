"""What a command gets to use the gateway: where it is, and a token that is good for this run.

The token is good for as long as the agent has our connection open. It stays the same when that is
made anew, after a restart of the agent, for it stands in the environment of the command.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, final

from freshkey.core.model.run_token import PREFIX
from freshkey.core.model.secret import Secret
from freshkey.core.model.text import is_word, one_line
from freshkey.exec.agent_stream import AgentStream
from freshkey.logs.standard_error import tell

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from selectors import BaseSelector

    from freshkey.exec.answers import Answer, Event
    from freshkey.exec.source import OnValue

BASE_URL: Final = "base_url"
TOKEN: Final = "token"  # noqa: S105 - the name of one
VARIABLES: Final = {"OPENAI_BASE_URL": BASE_URL, "OPENAI_API_KEY": TOKEN}
_BYTES: Final = 32  # of chance; the module `secrets` has the same, and takes 2 ms to import


@final
class RunFeed:
    """Gives the gateway's address and the token, once the agent takes that; see `source.Feed`."""

    def __init__(self, socket: Path, selector: BaseSelector, on_value: OnValue) -> None:
        self._token = Secret(PREFIX + os.urandom(_BYTES).hex())
        self._stream = AgentStream(socket, "/v1/gateway/run", selector, self._token)
        self._on_value = on_value
        self._given = ""  # to the command
        self._told = ""

    def streams(self) -> Sequence[AgentStream]:
        """List the one stream."""
        return (self._stream,)

    def take(self, stream: AgentStream, item: Answer | Event, now: float) -> None:
        """Take the address, whose first one the command gets; of another one only a word is said.

        An environment can't change from outside.
        """
        del stream
        url = item.content.get(BASE_URL) if isinstance(item.content, dict) else None
        if not isinstance(url, str) or not is_word(url):
            return
        if not self._given:
            self._given = self._told = url
            self._on_value(BASE_URL, Secret(url), now, stale=False)
            self._on_value(TOKEN, self._token, now, stale=False)
        elif url != self._told:
            self._told = url
            tell(
                f"freshkey: the gateway is at {one_line(url)} now, and the command uses "
                f"{one_line(self._given)}: start it again"
            )

    def ask_again(self, now: float) -> None:
        """Do nothing: what was given stays right, as nobody withdraws it."""

    def answers(self, name: str) -> bool:
        """Whether there would be another answer by now: there is not."""
        del name
        return False

    def why_missing(self, names: Sequence[str]) -> str:
        """Say why there is no address, with the agent well."""
        del names
        return "the gateway has no key yet"
