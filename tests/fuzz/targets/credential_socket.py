"""The credential socket: whatever a peer sends, it gets the one key, whole and alone, or nothing.

An input is what the peer sends, a NUL, and the name that its own end of the socket has.
"""

from __future__ import annotations

import socket
from contextlib import suppress

import trio
from freshkey.core.model.secret import Secret
from freshkey.core.model.view import KeyStatus, KeyView, Publication
from freshkey.serve.access import Access
from freshkey.serve.audit import RequestAudit
from freshkey.serve.credential import CredentialSocket
from freshkey.serve.published_keys import PublishedKeys
from freshkey.serve.readers import Readers
from freshkey.serve.reading import Reading
from freshkey.sockets.fair_queue import FairQueue
from freshkey.sockets.handover import Handover
from freshkey.sockets.outbox import Outbox
from freshkey.sockets.peers import Peer
from freshkey.sockets.resources import ServerResources
from freshkey.sockets.rules import Rule
from trio.testing import MockClock

from tests.fuzz.canary import CANARY
from tests.fuzz.target import Target
from tests.serve.fakes import Reads, StoppedClock

NAME = 108  # bytes of sockaddr_un.sun_path: unix(7)


async def talk(sent: bytes, name: bytes, uid: int, reads: Reads) -> bytes:
    published = PublishedKeys(["billing"])
    publication = Publication(7, Secret(CANARY), 1000.0)
    published.show(KeyView("billing", KeyStatus.FRESH, publication))
    access = Access({"billing": [Rule(uid=1001), Rule(unit="billing.service")]}, 1)
    audit, readers = RequestAudit(reads), Readers(lambda: 400.0)
    reading = Reading(published, access, StoppedClock(), audit, readers)
    outbox = Outbox(reads.flush)
    resources = ServerResources(FairQueue(), outbox, 10.0, trio.Event(), {})
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as ours:
        listening.bind("")  # a name that the kernel chooses
        listening.listen()
        with suppress(OSError):  # taken
            ours.bind(b"\0" + name[: NAME - 1] if name else b"")
        ours.connect(listening.getsockname())
        theirs, _ = listening.accept()
        with theirs, trio.fail_after(60):
            theirs.settimeout(0)
            ours.sendall(sent)
            ours.shutdown(socket.SHUT_WR)
            trio.lowlevel.add_instrument(outbox)
            credential = CredentialSocket("billing", reading, Handover())
            await credential.attend(theirs, Peer(1, uid, 1), resources)
            trio.lowlevel.remove_instrument(outbox)
        received = b""
        with suppress(ConnectionResetError):  # with something of ours unread
            while part := ours.recv(4096):
                received += part
        return received


def check(data: bytes) -> None:
    sent, _, name = data.partition(b"\0")
    of_unit = b"/unit/billing.service/" in name
    for uid, may in ((1001, True), (1002, False), (0, of_unit)):
        reads = Reads()
        clock = MockClock(autojump_threshold=0)
        received = trio.run(talk, sent, name, uid, reads, clock=clock)
        assert received in {b"", CANARY.encode()}
        assert may or not received
        assert len(reads.events) == 1, "every read is on record"
        if uid:
            assert bool(received) == may


TARGET = Target(
    check,
    (b"\0", b"GET / HTTP/1.1\r\n\r\n\0", b"\x000123abcd/unit/billing.service/openai", b"\0x"),
    (b"/unit/", b"billing.service", b"/", b"\0", b"\xff", b"0123abcd", b"\n"),
    size=2000,
)
