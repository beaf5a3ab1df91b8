"""What requests of the gateway see of the keys, and whom they tell that one was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from freshkey.core.model.secret import Secret
from freshkey.core.model.view import KeyStatus, KeyView, Publication
from freshkey.daemon.gateway_keys import GatewayKeys
from freshkey.serve.published_keys import PublishedKeys

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST, SECOND = (Publication(number, Secret(f"sk-{number}"), None) for number in (1, 2))


class Reports:
    def __init__(self) -> None:
        self.made: list[tuple[str, str]] = []

    def report(self, name: str, tag: str) -> None:
        self.made.append((name, tag))


def published(publication: Publication | None = FIRST, name: str = "billing") -> PublishedKeys:
    shown = PublishedKeys([name])
    status = KeyStatus.FRESH if publication else KeyStatus.WITHDRAWN
    shown.show(KeyView(name, status, publication))
    return shown


def test_a_key_is_reported_again_when_it_is_refused_again() -> None:
    """OpenAI may refuse a key at first, and for good an hour later."""
    keys, reports = GatewayKeys(), Reports()
    keys.follow(published(), reports.report)
    keys.reject("billing", FIRST.tag)
    keys.reject("billing", FIRST.tag)
    assert reports.made == [("billing", FIRST.tag)] * 2


def test_a_key_that_is_published_no_more_is_not_reported() -> None:
    keys, reports = GatewayKeys(), Reports()
    keys.follow(published(SECOND), reports.report)
    keys.reject("billing", FIRST.tag)
    assert reports.made == []


def test_after_a_reload_the_next_keys_are_seen_and_reported() -> None:
    keys, before, after = GatewayKeys(), Reports(), Reports()
    keys.follow(published(), before.report)
    keys.follow(published(SECOND), after.report)
    view = keys.view("billing")
    assert view is not None
    assert view.publication == SECOND
    keys.reject("billing", SECOND.tag)
    assert (before.made, after.made) == ([], [("billing", SECOND.tag)])


def show(publication: Publication) -> Callable[[GatewayKeys, PublishedKeys], None]:
    def change(_: GatewayKeys, shown: PublishedKeys) -> None:
        shown.show(KeyView("billing", KeyStatus.FRESH, publication))

    return change


def reload(shown: PublishedKeys) -> Callable[[GatewayKeys, PublishedKeys], None]:
    def change(keys: GatewayKeys, _: PublishedKeys) -> None:
        keys.follow(shown, Reports().report)

    return change


@pytest.mark.parametrize(
    ("change", "is_over"),
    [
        (show(FIRST), False),
        (show(SECOND), True),
        (reload(published(FIRST)), False),
        (reload(published(None)), False),
        (reload(published(SECOND)), True),
        (reload(published(FIRST, "another")), True),  # nobody has to wait for a key that is gone
    ],
)
async def test_another_key_is_waited_for_over_reloads(
    change: Callable[[GatewayKeys, PublishedKeys], None], *, is_over: bool
) -> None:
    keys, shown, ended = GatewayKeys(), published(), trio.Event()
    keys.follow(shown, Reports().report)

    async def wait() -> None:
        await keys.wait_for_another("billing", FIRST.tag)
        ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        assert not ended.is_set()
        change(keys, shown)
        await trio.testing.wait_all_tasks_blocked()
        assert ended.is_set() == is_over
        nursery.cancel_scope.cancel()


async def test_what_is_shown_after_a_reload_ends_a_wait_from_before_it() -> None:
    keys, shown = GatewayKeys(), published()
    keys.follow(published(), Reports().report)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keys.wait_for_another, "billing", FIRST.tag)
        await trio.testing.wait_all_tasks_blocked()
        keys.follow(shown, Reports().report)
        await trio.testing.wait_all_tasks_blocked()
        show(SECOND)(keys, shown)
        with trio.fail_after(5):
            await trio.testing.wait_all_tasks_blocked()
