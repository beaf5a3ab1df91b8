from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from freshkey.core.view import KeyStatus, KeyView
from freshkey.serve.board import Board
from trio.testing import wait_all_tasks_blocked

from tests.serve.site import FRESH, TAG


def test_every_configured_key_is_starting_at_first() -> None:
    board = Board(["billing", "search"])
    assert [view.name for view in board.views()] == ["billing", "search"]
    assert {view.status for view in board.views()} == {KeyStatus.STARTING}


def test_readers_see_what_was_shown_last() -> None:
    board = Board(["billing"])
    board.show(FRESH)
    stale = replace(FRESH, status=KeyStatus.STALE)
    board.show(stale)
    assert board.view("billing") == stale
    assert board.tag("billing") == TAG
    board.show(KeyView("billing", KeyStatus.WITHDRAWN))
    assert board.view("billing") == KeyView("billing", KeyStatus.WITHDRAWN)
    assert board.tag("billing") is None


def test_a_name_that_is_not_configured_has_no_view_and_takes_none() -> None:
    board = Board(["billing"])
    assert board.view("search") is None
    with pytest.raises(KeyError):
        board.show(KeyView("search", KeyStatus.STARTING))


async def test_all_who_wait_for_a_key_are_woken_by_its_next_view_only() -> None:
    board = Board(["billing", "search"])
    seen: list[tuple[str, KeyStatus]] = []

    async def wait_for(name: str) -> None:
        seen.append((name, (await board.next_view(name)).status))

    async with trio.open_nursery() as nursery:
        for name in ("billing", "billing", "search"):
            nursery.start_soon(wait_for, name)
        await wait_all_tasks_blocked()
        board.show(FRESH)
        await wait_all_tasks_blocked()
        assert seen == [("billing", KeyStatus.FRESH)] * 2
        nursery.cancel_scope.cancel()


async def test_views_that_were_shown_before_are_not_the_next_one(nursery: trio.Nursery) -> None:
    board = Board(["billing"])
    seen: list[KeyView] = []

    async def wait() -> None:
        seen.append(await board.next_view("billing"))

    board.show(FRESH)
    board.show(FRESH)
    nursery.start_soon(wait)
    await wait_all_tasks_blocked()
    assert not seen
    board.show(FRESH)
    await wait_all_tasks_blocked()
    assert seen == [FRESH]
