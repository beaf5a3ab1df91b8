"""A socket that writes a key to whoever connects, and closes: for systemd, `nc -U`, and socat.

systemd reads it for `LoadCredential=`; see "Credentials" in systemd.exec(5).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

import trio

from freshkey.serve import keys
from freshkey.serve.audit import Audit
from freshkey.serve.waiting import WaitEnd, Waiter

if TYPE_CHECKING:
    import socket

    from freshkey.serve.access import Access
    from freshkey.serve.audit import Record
    from freshkey.serve.endpoint import Means
    from freshkey.serve.peers import Peer
    from freshkey.serve.published_keys import PublishedKeys
    from freshkey.serve.readers import Readers

_WAIT: Final = 30.0  # seconds for a first key: an empty credential would be taken for one
# What systemd binds its own end to: an abstract name, with the unit and the credential's id.
_SYSTEMD: Final = re.compile(rb"\0[0-9a-f]+/unit/([^/]+)/([^/]+)")


@final
class CredentialSocket:
    """Writes the key called `name`, raw, to those who may have it."""

    def __init__(
        self,
        name: str,
        published_keys: PublishedKeys,
        access: Access,
        record: Record,
        readers: Readers,
    ) -> None:
        self._name = name
        self._published_keys = published_keys
        self._access = access
        self._audit = Audit(record)
        self._readers = readers

    async def attend(self, sock: socket.socket, peer: Peer, means: Means) -> None:
        """Serve one connection; who gets no key reads the end of the stream at once."""
        peer = named_by_systemd(peer, sock)
        waiter = Waiter(sock, means.outbox, means.patience, means.stopping)
        if not self._access.may_read(peer, self._name):
            self._tell(peer, None, "peer_not_allowed")
        else:
            news, end = self._published_keys.news(self._name), trio.current_time() + _WAIT
            match await waiter.for_news(news, self._has_key, end):
                case WaitEnd.NEWS:
                    await means.fair_queue.take(peer.uid)
                    waiter.outgoing.put(self._key(peer))
                case WaitEnd.STOPPING:
                    self._tell(peer, None, "stopping")
                case WaitEnd.TIME:
                    self._tell(peer, None, "no_key")
                case WaitEnd.HUNG_UP:
                    return
        with trio.move_on_after(means.patience):
            await waiter.outgoing.drain()
        waiter.outgoing.flush()

    def _has_key(self) -> bool:
        return self._published_keys.tag(self._name) is not None

    def _key(self, peer: Peer) -> bytes:
        view, tag = self._published_keys.view(self._name), self._published_keys.tag(self._name)
        if not view or not view.publication or not tag:  # withdrawn since
            self._tell(peer, None, "no_key")
            return b""
        self._readers.note(self._name, peer, tag)
        self._tell(peer, tag, "served")
        return keys.as_text(view.publication)

    def _tell(self, peer: Peer, tag: str | None, outcome: str) -> None:
        self._audit.tell("key.read", peer, self._name, tag, outcome)


def named_by_systemd(peer: Peer, connection: socket.socket) -> Peer:
    """Take unit and credential from the name of systemd's end; anybody but root can forge it."""
    name = connection.getpeername()
    if peer.uid != 0 or not isinstance(name, bytes):
        return peer
    found = _SYSTEMD.fullmatch(name)
    if found is None:
        return peer
    unit, credential = (part.decode(errors="backslashreplace") for part in found.groups())
    return peer._replace(unit=unit, credential=credential)
