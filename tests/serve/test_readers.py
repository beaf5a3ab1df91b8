from __future__ import annotations

from freshkey.serve.readers import MOST, Readers
from freshkey.sockets.peers import Peer

ANN = Peer(1, 1000, 100, "/usr/bin/ann", "ann.service")
BOB = Peer(2, 1001, 100)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_last_read_of_each_reader_the_latest_first() -> None:
    clock = Clock()
    readers = Readers(clock)
    readers.note("billing", ANN, "6-00000000")
    readers.note("billing", BOB, "6-00000000")
    clock.now += 3
    readers.note("billing", ANN, "7-11111111")
    readers.note("search", BOB, "1-22222222")
    clock.now += 1.9
    ann = {"pid": 1, "uid": 1000, "executable": "/usr/bin/ann", "unit": "ann.service"}
    bob = {"pid": 2, "uid": 1001, "executable": None, "unit": None}
    assert readers.of("billing") == [
        {**ann, "tag": "7-11111111", "age": 1},
        {**bob, "tag": "6-00000000", "age": 4},
    ]
    assert readers.of("search") == [{**bob, "tag": "1-22222222", "age": 1}]


def test_a_key_that_nobody_read_has_no_readers() -> None:
    assert Readers(Clock()).of("billing") == []


def test_who_has_not_read_for_longest_is_forgotten_first() -> None:
    readers = Readers(Clock())
    for pid in range(MOST):
        readers.note("billing", Peer(pid, 0, 0), "1-0")
    readers.note("billing", Peer(0, 0, 0), "1-0")
    for pid in (1000, 1001):
        readers.note("billing", Peer(pid, 0, 0), "1-0")
    pids = [reader["pid"] for reader in readers.of("billing")]
    assert pids == [1001, 1000, 0, *range(MOST - 1, 2, -1)]
    assert len(pids) == MOST
