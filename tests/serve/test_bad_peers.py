"""Slow, dead, and hostile clients, over real sockets: each harms itself at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.serve.framing import MAX_BODY, MAX_HEAD
from freshkey.serve.responses import Response, encode
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.serve.client import get

if TYPE_CHECKING:
    from tests.serve.site import Site


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(50),
        b"\x00" * 5000,
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b'{"jsonrpc": "2.0"}\n',
    ],
)
async def test_other_protocols_get_one_400_and_the_end(site: Site, data: bytes) -> None:
    await site.start()
    with site.connect() as client:
        reply = await client.ask(data)
        assert (reply.status, reply.code) == (400, "bad_request")
        assert reply.headers["Connection"] == "close"
        assert await client.at_end()
    assert await site.serves_others()


async def test_garbage_after_a_request_is_answered_after_it(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        client.send(get("/livez") + b"\x00\x01")
        assert [(await client.reply()).status for _ in range(2)] == [200, 400]
        assert await client.at_end()


async def test_headers_without_end_get_431(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        reply = await client.ask(get("/livez", "X: " + "x" * MAX_HEAD))
        assert (reply.status, reply.code) == (431, "too_large")
        assert await client.at_end()
    assert await site.serves_others()


async def test_a_body_that_is_announced_too_large_gets_413(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        reply = await client.ask(get("/livez", f"Content-Length: {MAX_BODY + 1}", method="POST"))
        assert (reply.status, reply.code) == (413, "too_large")
        assert await client.at_end()


async def test_who_waits_to_be_asked_for_the_body_gets_417(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        path = "/v1/keys/billing/rejected"
        reply = await client.ask(
            get(path, "Expect: 100-continue", "Content-Length: 20", method="POST")
        )
        assert (reply.status, reply.code) == (417, "bad_request")
        assert await client.at_end()


async def test_a_length_that_is_too_short_makes_garbage_of_the_rest(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        client.send(get("/livez", "Content-Length: 2", method="POST") + b'{"tag": ""}')
        assert [(await client.reply()).status for _ in range(2)] == [405, 400]
        assert await client.at_end()


@pytest.mark.parametrize(
    "half", [b"G", get("/livez")[:-2], get("/livez", "Content-Length: 9", method="POST") + b"{}"]
)
async def test_who_sends_half_a_request_and_is_silent_is_cut_off(
    site: Site, mock_clock: MockClock, half: bytes
) -> None:
    await site.start()
    with site.connect() as client:
        client.send(half)
        await wait_all_tasks_blocked()
        mock_clock.jump(9.9)
        await wait_all_tasks_blocked()
        assert await site.serves_others()
        mock_clock.jump(0.2)
        reply = await client.reply()
        assert (reply.code, reply.json["detail"]) == ("bad_request", "no whole request in 10 s")
        assert await client.at_end()


async def test_who_sends_byte_by_byte_gains_no_time(site: Site, mock_clock: MockClock) -> None:
    await site.start()
    with site.connect() as client:
        request = get("/livez")
        for number in range(11):
            client.send(request[number : number + 1])
            await wait_all_tasks_blocked()
            mock_clock.jump(1)
        assert (await client.reply()).code == "bad_request"
        assert await client.at_end()


async def test_who_sends_half_a_request_and_hangs_up_is_told(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        client.send(b"GET /livez HT")
        client.socket.shutdown(1)
        assert (await client.reply()).json["detail"] == "the request ends before it is whole"
        assert await client.at_end()


async def test_who_reads_no_answers_is_cut_off_and_costs_others_nothing(
    site: Site, mock_clock: MockClock
) -> None:
    await site.start()
    with site.connect() as client:
        await client.send_until_stuck()
        assert await site.serves_others()
        mock_clock.jump(11.1)
        await wait_all_tasks_blocked()
        with pytest.raises(BrokenPipeError):
            client.send(b"G")
    assert await site.serves_others()


async def test_a_half_sent_answer_is_followed_by_nothing(site: Site, mock_clock: MockClock) -> None:
    large = Response(200, body=b"x" * 1_000_000)
    await site.start(answer=lambda _request, _peer: large)
    with site.connect() as client:
        client.send(get("/") + b"GET /half")
        await wait_all_tasks_blocked()
        # Room for a short answer, but not enough of it for the socket to count as writable.
        received = client.socket.recv(10_000)
        mock_clock.jump(11.1)
        while data := await client.read():
            received += data
        assert encode(large).startswith(received)


async def test_who_sends_a_thousand_requests_at_once_is_not_served_before_others(
    site: Site,
) -> None:
    await site.start()
    with site.connect() as greedy, site.connect() as modest:
        greedy.send(get("/v1/keys/greedy") * 1000)
        await modest.ask(get("/v1/keys/billing"))
        keys = [event["key"] for event in site.reads.events]
        assert keys.index("billing") <= 16
