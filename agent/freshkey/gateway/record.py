"""What is told of a request once it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, final

from freshkey.core.model.text import one_line

if TYPE_CHECKING:
    from freshkey.gateway.usage import Usage
    from freshkey.sockets.peers import Peer

HUNG_UP: Final = 499  # as nginx calls it: the client was gone before it had an answer


@final
class Done:
    """A request that has ended: of a client, if one was recognized, with a key, if it got one.

    `status` is what the client was answered. Bytes are of bodies. `added` are the seconds that the
    gateway took until OpenAI had the request, and then until the client had the first of an answer.
    """

    def __init__(self, peer: Peer, method: str) -> None:
        self.peer = peer
        self.method = method
        self.path = ""
        self.client: str | None = None
        self.key: str | None = None
        self.tag: str | None = None
        self.model: str | None = None
        self.status = HUNG_UP
        self.code: str | None = None  # of an answer of the gateway's own
        self.request_id: str | None = None  # OpenAI's x-request-id
        self.bytes_received = 0
        self.bytes_sent = 0
        self.seconds = 0.0
        self.added: float | None = None
        self.usage: Usage | None = None


class Observer(Protocol):
    """Records and counts."""

    def on_done(self, done: Done) -> None:
        """Take a request that has ended."""


def recordable(text: bytes | str) -> str:
    """Make a text from outside fit to be recorded: one line.

    It is not cut: the record masks what is secret first, and a part of a secret looks like none.
    """
    return one_line(text if isinstance(text, str) else text.decode("latin-1"))
