from __future__ import annotations

from functools import partial

import pytest
from freshkey.core.model.struct import replace
from freshkey.core.model.view import KeyStatus, KeyView
from freshkey.serve.published_keys import PublishedKeys

from tests.serve.publication import FRESH, TAG


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


async def test_all_who_wait_for_a_key_are_woken_when_it_is_shown() -> None:
    published_keys = PublishedKeys(["billing", "search"])
    woken: list[str] = []
    for number, name in enumerate(("billing", "billing", "search")):
        published_keys.news(name).add(partial(woken.append, f"{name} {number}"))
    published_keys.show(FRESH)
    assert woken == ["billing 0", "billing 1"]
