"""For whom systemd asks: the name of its socket says it, and the record has it."""

from __future__ import annotations

import socket

import pytest
from freshkey.serve.audit import RequestAudit
from freshkey.serve.credential import named_by_systemd
from freshkey.sockets.peers import Peer
from freshkey.sockets.rules import Rule

from tests.serve.fakes import Reads
from tests.serve.publication import TAG

SYSTEMD = "\0f00dfeed/unit/billing.service/openai"
ROOT = Peer(1, 0, 0, "/usr/lib/systemd/systemd", "init.scope")


def test_systemd_says_for_whom_it_asks() -> None:
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as theirs:
        listening.bind("")  # an abstract name of the kernel's choice: autobind, unix(7)
        listening.listen()
        theirs.bind(SYSTEMD)
        theirs.connect(listening.getsockname())
        ours, _ = listening.accept()
        with ours:
            named = named_by_systemd(ROOT, ours)
            assert named == ROOT._replace(unit="billing.service", credential="openai")
            assert Rule(unit="billing.service").matches(named)
            other = ROOT._replace(uid=1000)
            assert named_by_systemd(other, ours) == other, "anybody can take that name"


@pytest.mark.parametrize(
    "name",
    [None, "\0f00d", "\0f00d/unit/a.service", "\0x/unit/a.service/b", "\0f00d/unit/a.service/b/c"],
)
def test_another_name_says_nothing(name: str | None) -> None:
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as theirs:
        listening.bind("")
        listening.listen()
        if name is not None:
            theirs.bind(name)
        theirs.connect(listening.getsockname())
        ours, _ = listening.accept()
        with ours:
            assert named_by_systemd(ROOT, ours) == ROOT


def test_the_record_names_the_credential() -> None:
    reads = Reads()
    audit = RequestAudit(reads)
    audit.tell("key.read", ROOT._replace(credential="openai"), "billing", TAG, "served")
    audit.tell("key.read", ROOT, "billing", TAG, "served")
    assert [event.get("credential") for event in reads.events] == ["openai", None]
    assert "credential" not in reads.events[1]
