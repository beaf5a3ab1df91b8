from __future__ import annotations

import pytest
import trio
from freshkey.core.model.struct import replace
from freshkey.core.model.view import KeyStatus, KeyView
from freshkey.serve.published_keys import PublishedKeys
from trio.testing import wait_all_tasks_blocked

from tests.serve.site import FRESH, TAG


def test_every_configured_key_is_starting_at_first() -> None:
    published_keys = PublishedKeys(["billing", "search"])
    assert [view.name for view in published_keys.views()] == ["billing", "search"]
    assert {view.status for view in published_keys.views()} == {KeyStatus.STARTING}


def test_readers_see_what_was_shown_last() -> None:
    published_keys = PublishedKeys(["billing"])
    published_keys.show(FRESH)
    stale = replace(FRESH, status=KeyStatus.STALE)
    published_keys.show(stale)
    assert published_keys.view("billing") == stale
    assert published_keys.tag("billing") == TAG
    published_keys.show(KeyView("billing", KeyStatus.WITHDRAWN))
    assert published_keys.view("billing") == KeyView("billing", KeyStatus.WITHDRAWN)
    assert published_keys.tag("billing") is None


def test_a_name_that_is_not_configured_has_no_view_and_takes_none() -> None:
    published_keys = PublishedKeys(["billing"])
    assert published_keys.view("search") is None
    with pytest.raises(KeyError):
        published_keys.show(KeyView("search", KeyStatus.STARTING))


async def test_all_who_wait_for_a_key_are_woken_by_its_next_view_only() -> None:
    published_keys = PublishedKeys(["billing", "search"])
    seen: list[tuple[str, KeyStatus]] = []

    async def wait_for(name: str) -> None:
        seen.append((name, (await published_keys.next_view(name)).status))

    async with trio.open_nursery() as nursery:
        for name in ("billing", "billing", "search"):
            nursery.start_soon(wait_for, name)
        await wait_all_tasks_blocked()
        published_keys.show(FRESH)
        await wait_all_tasks_blocked()
        assert seen == [("billing", KeyStatus.FRESH)] * 2
        nursery.cancel_scope.cancel()


async def test_views_that_were_shown_before_are_not_the_next_one(nursery: trio.Nursery) -> None:
    published_keys = PublishedKeys(["billing"])
    seen: list[KeyView] = []

    async def wait() -> None:
        seen.append(await published_keys.next_view("billing"))

    published_keys.show(FRESH)
    published_keys.show(FRESH)
    nursery.start_soon(wait)
    await wait_all_tasks_blocked()
    assert not seen
    published_keys.show(FRESH)
    await wait_all_tasks_blocked()
    assert seen == [FRESH]
