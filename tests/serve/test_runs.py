"""`GET /v1/gateway/run`: a token is good for as long as its connection is open."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest
from freshkey.core.model.struct import replace
from freshkey.core.model.view import KeyStatus
from freshkey.serve.framing import RequestParser
from freshkey.serve.responses import Response, Stream
from freshkey.sockets.server import Limits
from trio.testing import wait_all_tasks_blocked

from tests.serve.client import get
from tests.serve.publication import FRESH, TAG

if TYPE_CHECKING:
    from freshkey.serve.framing import Request
    from freshkey.serve.responses import Later
    from freshkey.sockets.peers import Peer

    from tests.serve.client import Client, Reply
    from tests.serve.site import Site

RUN: Final = "/v1/gateway/run"
TOKEN: Final = "freshkey-run-" + "Aa0-_" * 8
URL: Final = "http://127.0.0.1:8317/v1"
EVENT: Final = f'event: run\ndata: {{"base_url": "{URL}"}}\n\n'.encode()


@dataclass
class FakeGateway:
    base_url: str | None = URL
    key: str | None = "billing"
    good: dict[str, int] = field(default_factory=dict)  # tokens, with the pid of each

    def key_of(self, peer: Peer) -> str | None:
        return self.key if peer.uid == os.geteuid() else None

    def begin(self, token: str, peer: Peer) -> bool:
        if token in self.good:
            return False
        self.good[token] = peer.pid
        return True

    def end(self, token: str) -> None:
        del self.good[token]


def run_with(token: str = TOKEN, method: str = "GET") -> bytes:
    return get(RUN, f"Authorization: Bearer {token}", method=method)


async def begun(site: Site) -> tuple[FakeGateway, Client]:
    gateway = site.gateway = FakeGateway()
    await site.start()
    client = site.connect()
    client.send(run_with())
    assert (await client.head()).status == 200
    return gateway, client


async def refused(site: Site, gateway: FakeGateway | None, request: bytes) -> Reply:
    """Ask, and make sure that nothing was granted."""
    site.gateway = gateway
    await site.start()
    with site.connect() as client:
        reply = await client.ask(request)
    assert gateway is None or gateway.good == {}
    assert TOKEN.encode() not in reply.body
    return reply


async def test_the_token_is_good_until_the_connection_ends(site: Site) -> None:
    gateway, client = await begun(site)
    await wait_all_tasks_blocked()
    assert client.take() == EVENT
    assert list(gateway.good) == [TOKEN]
    client.close()
    await wait_all_tasks_blocked()
    assert gateway.good == {}
    assert [(event["event"], event["key"], event["tag"]) for event in site.reads.events] == [
        ("gateway.run", "billing", TAG)
    ] * 2
    assert site.reads.outcomes == ["begun", "ended"]
    assert sum(site.reads.commits) == 2, "the end is written although no answer follows it"
    assert TOKEN not in json.dumps(site.reads.events)


async def test_it_waits_for_a_key(site: Site) -> None:
    site.gateway = gateway = FakeGateway()
    await site.start()
    site.published_keys.show(replace(FRESH, publication=None, status=KeyStatus.WITHDRAWN))
    client = site.connect()
    client.send(run_with())
    assert (await client.head()).status == 200
    await wait_all_tasks_blocked()
    assert client.take() == b""
    assert list(gateway.good) == [TOKEN]
    site.published_keys.show(FRESH)
    await wait_all_tasks_blocked()
    assert client.take() == EVENT
    site.published_keys.show(FRESH)
    await wait_all_tasks_blocked()
    assert client.take() == b"", "once"
    client.close()


@pytest.mark.parametrize("gateway", [None, FakeGateway(base_url=None)])
async def test_without_a_gateway_on_tcp(site: Site, gateway: FakeGateway | None) -> None:
    reply = await refused(site, gateway, run_with())
    assert (reply.status, reply.code) == (404, "no_gateway")
    assert "gateway.tcp" in reply.json["detail"]
    assert site.reads.outcomes == ["no_gateway"]
    assert site.reads.events[0]["key"] is None


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["Authorization: Basic " + TOKEN],
        ["Authorization: Bearer"],
        ["Authorization: Bearer freshkey-run-" + "a" * 31],
        ["Authorization: Bearer freshkey-run-" + "a" * 129],
        ["Authorization: Bearer sk-" + "a" * 60],
        ["Authorization: Bearer freshkey-run-" + "a" * 40 + "!"],
        [f"Authorization: Bearer {TOKEN}", f"Authorization: Bearer {TOKEN}"],
    ],
)
async def test_what_is_no_token(site: Site, headers: list[str]) -> None:
    reply = await refused(site, FakeGateway(), get(RUN, *headers))
    assert (reply.status, reply.code) == (400, "bad_request")
    assert site.reads.outcomes == ["bad_request"]


async def test_who_has_no_entry(site: Site) -> None:
    reply = await refused(site, FakeGateway(key=None), run_with())
    assert (reply.status, reply.code) == (403, "peer_not_allowed")
    assert site.reads.outcomes == ["peer_not_allowed"]


async def test_a_token_that_is_in_use(site: Site) -> None:
    gateway, client = await begun(site)
    with site.connect() as other:
        reply = await other.ask(run_with())
        assert (reply.status, reply.code) == (409, "token_in_use")
    await wait_all_tasks_blocked()
    assert list(gateway.good) == [TOKEN], "the first one keeps it"
    client.close()
    await wait_all_tasks_blocked()
    with site.connect() as other:
        other.send(run_with())
        assert (await other.head()).status == 200


async def test_a_head_grants_nothing(site: Site) -> None:
    site.gateway = gateway = FakeGateway()
    await site.start()
    with site.connect() as client:
        assert (await client.ask(run_with(method="HEAD"))).status == 200
        assert gateway.good == {}


async def test_the_token_ends_with_the_server(site: Site) -> None:
    gateway, client = await begun(site)
    site.stop.asked.set()
    await site.ended.wait()
    assert gateway.good == {}
    assert client.take() == EVENT + b": the agent stops or reloads\n\n"
    client.close()


async def test_a_fault_of_the_server_ends_it_too(site: Site) -> None:
    ended = []

    def fail() -> bytes:
        raise ValueError

    def answer(request: Request, peer: Peer) -> Response | Later | Stream:
        news = site.published_keys.news("billing")
        return Stream(Response(200), news, lambda: True, fail, lambda: ended.append(1))

    await site.start(Limits(), answer=answer)
    with site.connect() as client:
        client.send(run_with())
        assert await client.at_end()
    assert ended == [1]


def test_a_request_does_not_show_its_headers() -> None:
    (request,) = RequestParser().feed(run_with())
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in repr(request)
