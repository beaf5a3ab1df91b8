"""Those who wait are woken in the order of their coming, some in each pass of the loop."""

from __future__ import annotations

from functools import partial

import trio
from freshkey.serve.subscribers import Subscribers


async def test_a_crowd_is_woken_over_several_passes() -> None:
    subscribers, woken = Subscribers(), list[int]()
    for number in range(40):
        subscribers.add(partial(woken.append, number))
    subscribers.notify()
    assert woken == list(range(16))
    await trio.testing.wait_all_tasks_blocked()
    assert woken == list(range(40))


async def test_who_has_gone_is_not_woken() -> None:
    subscribers, woken = Subscribers(), list[int]()
    wakes = [partial(woken.append, number) for number in range(40)]
    for wake in wakes:
        subscribers.add(wake)
    subscribers.notify()
    subscribers.remove(wakes[20])
    subscribers.remove(wakes[3])
    await trio.testing.wait_all_tasks_blocked()
    assert woken == [number for number in range(40) if number != 20]


async def test_a_second_notice_wakes_all_once_more() -> None:
    subscribers, woken = Subscribers(), list[int]()
    for number in range(20):
        subscribers.add(partial(woken.append, number))
    subscribers.notify()
    subscribers.notify()
    await trio.testing.wait_all_tasks_blocked()
    assert woken == [*range(16), *range(20)]
    subscribers.notify()
    assert woken[-16:] == list(range(16))


def test_nobody_who_waits_needs_no_loop() -> None:
    Subscribers().notify()
