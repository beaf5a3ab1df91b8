"""A socket that writes a key to whoever connects, and closes: for systemd, `nc -U`, and socat.

systemd reads it for `LoadCredential=`; see "Credentials" in systemd.exec(5).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

import trio

from freshkey.serve.waiting import WaitEnd, Waiter

if TYPE_CHECKING:
    import socket

    from freshkey.serve.reading import Reading
    from freshkey.sockets.handover import Handover
    from freshkey.sockets.peers import Peer
    from freshkey.sockets.resources import ServerResources

_VIA: Final = "credential"  # as metrics name it
_WAIT: Final = 30.0  # seconds for a first key, under each configuration
# What systemd binds its own end to: an abstract name, with the unit and the credential's id.
_SYSTEMD: Final = re.compile(rb"\0[0-9a-f]+/unit/([^/]+)/([^/]+)")


@final
class CredentialSocket:
    """Writes the key called `name`, raw, to those who may have it.

    A reload must not end a wait, because an empty credential would be taken for one: `handover`
    is for those who still wait then.
    """

    def __init__(self, name: str, reading: Reading, handover: Handover) -> None:
        self._name = name
        self._reading = reading
        self._handover = handover

    async def attend(self, sock: socket.socket, peer: Peer, resources: ServerResources) -> None:
        """Serve one connection; a peer that gets no key reads the end of the stream at once."""
        resources.silent_since.pop(sock, None)  # nothing is read of it
        peer = named_by_systemd(peer, sock)
        waiter = Waiter(sock, resources)
        if not self._reading.refusal(peer, self._name, _VIA):
            news, end = self._reading.news(self._name), trio.current_time() + _WAIT
            match await waiter.for_news(news, self._has_key, end):
                case WaitEnd.NEWS | WaitEnd.TIME:
                    await resources.fair_queue.take(peer.uid)
                    waiter.outgoing.put(self._reading.raw(peer, self._name))
                case WaitEnd.STOPPING:
                    if self._handover.hand_over(sock):
                        return
                    self._reading.stopped(peer, self._name, _VIA)
                case WaitEnd.HUNG_UP:
                    return
        with trio.move_on_after(resources.patience):
            await waiter.outgoing.drain()
        resources.outbox.flush()  # the record of a refusal, too, which puts nothing into it

    def refuse(self, peer: Peer) -> None:
        """Take note of a peer for which there was no room."""
        self._reading.refused(peer, self._name, _VIA)

    def _has_key(self) -> bool:
        return self._reading.tag(self._name) is not None


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
