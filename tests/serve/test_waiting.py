"""`?wait=`: an answer that comes when there is another key, over real sockets in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.view import KeyStatus, KeyView
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.serve.client import get
from tests.serve.publication import FRESH, TAG
from tests.serve.waiting import HELD, NEXT, WITHDRAWN, wait_for

if TYPE_CHECKING:
    from tests.serve.site import Site


async def test_another_key_answers_at_once(site: Site, mock_clock: MockClock) -> None:
    await site.start()
    with site.connect() as client:
        client.send(wait_for("30s", HELD))
        await wait_all_tasks_blocked()
        mock_clock.jump(29)
        assert site.reads.outcomes == []
        site.published_keys.show(FRESH)  # the same key once more is no news
        await wait_all_tasks_blocked()
        assert site.reads.outcomes == []
        site.published_keys.show(NEXT)
        reply = await client.reply()
        assert (reply.status, reply.json["generation"]) == (200, 8)
        assert site.reads.outcomes == ["served"]


async def test_without_another_key_304_comes_after_the_wait(
    site: Site, mock_clock: MockClock
) -> None:
    await site.start()
    with site.connect() as client:
        client.send(wait_for("30s", HELD))
        await wait_all_tasks_blocked()
        mock_clock.jump(29.9)
        await wait_all_tasks_blocked()
        assert site.reads.outcomes == []
        mock_clock.jump(0.2)
        assert (await client.reply()).status == 304
        assert site.reads.outcomes == ["not_modified"]


async def test_nobody_waits_longer_than_five_minutes(site: Site, mock_clock: MockClock) -> None:
    await site.start()
    with site.connect() as client:
        client.send(wait_for("2h", HELD))
        await wait_all_tasks_blocked()
        mock_clock.jump(299)
        await wait_all_tasks_blocked()
        assert site.reads.outcomes == []
        mock_clock.jump(2)
        assert (await client.reply()).status == 304


@pytest.mark.parametrize("header", ["X: y", 'If-None-Match: "6-00000000"'])
async def test_who_does_not_hold_the_key_gets_it_at_once(site: Site, header: str) -> None:
    await site.start()
    with site.connect() as client:
        assert (await client.ask(wait_for("30", header))).json["tag"] == TAG


@pytest.mark.parametrize("view", [KeyView("billing", KeyStatus.STARTING), WITHDRAWN])
async def test_a_first_key_is_waited_for(site: Site, view: KeyView) -> None:
    await site.start()
    site.published_keys.show(view)
    with site.connect() as client:
        client.send(wait_for("30"))
        await wait_all_tasks_blocked()
        site.published_keys.show(FRESH)
        assert (await client.reply()).json["tag"] == TAG


async def test_without_any_key_503_comes_after_the_wait(site: Site, mock_clock: MockClock) -> None:
    await site.start()
    site.published_keys.show(WITHDRAWN)
    with site.connect() as client:
        client.send(wait_for("30"))
        await wait_all_tasks_blocked()
        assert site.reads.outcomes == []
        mock_clock.jump(30.1)
        reply = await client.reply()
        assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, "no_key", "1")
        assert site.reads.outcomes == ["no_key"]


async def test_a_withdrawal_is_no_other_key(site: Site, mock_clock: MockClock) -> None:
    await site.start()
    with site.connect() as client, site.connect() as patient:
        client.send(wait_for("20", HELD))
        patient.send(wait_for("40", HELD))
        await wait_all_tasks_blocked()
        site.published_keys.show(WITHDRAWN)
        mock_clock.jump(20.1)
        assert (await client.reply()).code == "no_key"
        site.published_keys.show(
            FRESH
        )  # published again, as a stale key that OpenAI takes after all
        await wait_all_tasks_blocked()
        site.published_keys.show(NEXT)
        assert (await patient.reply()).json["generation"] == 8


async def test_the_key_that_is_shown_as_the_wait_ends_is_answered_whole(
    site: Site, mock_clock: MockClock
) -> None:
    await site.start()
    with site.connect() as client:
        client.send(wait_for("30", HELD))
        await wait_all_tasks_blocked()
        mock_clock.jump(30.1)
        site.published_keys.show(NEXT)
        reply = await client.reply()
        assert (reply.json["tag"], reply.json["key"]) == (
            site.published_keys.tag("billing"),
            "sk-next",
        )


async def test_a_wrong_wait_is_told_and_waited_for_by_nobody(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        reply = await client.ask(wait_for("soon", HELD))
        assert (reply.status, reply.code) == (400, "bad_request")
        assert "wait is not a duration" in reply.json["detail"]
        assert (await client.ask(get("/v1/keys/other?wait=30"))).code == "unknown_key"
        assert (await client.ask(get("/v1/keys/billing?weight=x"))).status == 200
    assert site.reads.outcomes == ["bad_request", "unknown_key", "served"]


async def test_head_waits_too(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        client.send(wait_for("30", HELD, method="HEAD"))
        await wait_all_tasks_blocked()
        site.published_keys.show(NEXT)
        assert (await client.reply(body=False)).status == 200
        assert (await client.ask(get("/livez"))).body == b"ok\n"
