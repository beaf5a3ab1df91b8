"""The runs of `exec --gateway`: whose token is good, for as long as its connection is open."""

from __future__ import annotations

import hmac
import math
import secrets
from typing import TYPE_CHECKING, Final, final

import trio

from freshkey.core.model.run_token import PREFIX

if TYPE_CHECKING:
    from freshkey.sockets.peers import Peer

# `exec` tries to connect at least every 5 s.
COME_BACK: Final = 10.0  # seconds from a start, or a reload, which ends all connections
_PREFIX: Final = PREFIX.encode()


def is_of_a_run(token: bytes) -> bool:
    """Whether a token is one of a run, which may have ended, and of nobody else."""
    return token.startswith(_PREFIX)


@final
class Runs:
    """The tokens of all runs, over all configurations, each with the peer that brought it."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._peers: dict[bytes, Peer] = {}
        self._changed = trio.Event()
        self._complete_at = -math.inf

    def begin(self, token: str, peer: Peer) -> bool:
        """Take requests with this token for the peer's, until `end`; False: it is in use."""
        digest = self._digest(token.encode())
        if digest in self._peers:
            return False
        self._peers[digest] = peer
        self._changed.set()
        self._changed = trio.Event()
        return True

    def end(self, token: str) -> None:
        """Take none any more; raises KeyError for a token that has not begun."""
        del self._peers[self._digest(token.encode())]

    def peer(self, token: bytes) -> Peer | None:
        """Return who has brought a token; None for one that is not good, or no more."""
        return self._peers.get(self._digest(token)) if is_of_a_run(token) else None

    def known_as(self, peer: Peer, token: bytes) -> Peer:
        """Return whom to record: of a peer over TCP the user is known, of its run the process."""
        owner = self.peer(token)
        return peer if owner is None or owner.uid != peer.uid else owner

    def expect(self) -> None:
        """Give runs whose connections the agent itself ends, or ended, time to come back."""
        self._complete_at = trio.current_time() + COME_BACK

    async def wait_for(self, token: bytes) -> None:
        """Wait for the run of this token, if it may come back; else return at once."""
        if not is_of_a_run(token) or self.peer(token) is not None:
            return
        with trio.CancelScope(deadline=self._complete_at):
            while self.peer(token) is None:
                await self._changed.wait()

    def _digest(self, token: bytes) -> bytes:
        """Return what a token is looked up by.

        Nobody else can compute it. So however long the comparison of two takes, that tells nothing
        of a token, and the tokens themselves are not kept.
        """
        return hmac.digest(self._secret, token, "sha256")
