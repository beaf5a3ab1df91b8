from __future__ import annotations

import os
import socket

from freshkey.sockets.peers import Admission, Peer, peer_of

ANN, BOB = Peer(1, 1000, 100), Peer(2, 1001, 100)


def test_the_kernel_says_who_connected() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer_of(ours) == Peer(os.getpid(), os.getuid(), os.getgid())


def test_places_are_limited_altogether() -> None:
    admission = Admission(total=2, per_uid=2)
    assert [admission.admit(peer) for peer in (ANN, BOB, ANN)] == [True, True, False]
    admission.release(BOB)
    assert admission.admit(ANN)


def test_other_limits_hold_for_those_who_come() -> None:
    admission = Admission(total=2, per_uid=2)
    assert admission.admit(ANN)
    assert admission.admit(ANN)
    admission.allow(3, 1)
    assert [admission.admit(peer) for peer in (ANN, BOB, BOB)] == [False, True, False]


def test_one_user_cannot_take_the_places_of_another() -> None:
    admission = Admission(total=10, per_uid=2)
    assert [admission.admit(ANN) for _ in range(3)] == [True, True, False]
    assert admission.admit(BOB)
    admission.release(ANN)
    assert admission.admit(ANN)
