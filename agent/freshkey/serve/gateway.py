"""What the socket says of the gateway, the local OpenAI endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from freshkey.sockets.peers import Peer


class Gateway(Protocol):
    """The gateway of one configuration; every method returns at once."""

    @property
    def base_url(self) -> str | None:
        """Where its clients send requests; None when it listens on no TCP."""

    def key_of(self, peer: Peer) -> str | None:
        """Return the name of the key that goes into a peer's requests; None: it may send none."""

    def begin(self, token: str, peer: Peer) -> bool:
        """Take requests with this token for the peer's, until `end`; False: it is in use."""

    def end(self, token: str) -> None:
        """Take none with this token any more."""
