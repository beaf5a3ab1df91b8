"""Places and descriptors: taken up to a limit, and given back whatever happens to a client."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.sockets.server import Limits
from structlog.testing import capture_logs
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.serve.client import get

if TYPE_CHECKING:
    from tests.serve.site import Site


async def test_a_client_that_is_killed_in_the_middle_frees_its_place(site: Site) -> None:
    await site.start(Limits(max_connections=1))
    script = f"""
import socket, sys
with socket.socket(socket.AF_UNIX) as sock:
    sock.connect({str(site.path)!r})
    sock.send({get("/v1/keys/billing") * 20 + b"GET /v1"!r})
    print("sent", flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-I", "-S", "-c", script]
    process = await trio.lowlevel.open_process(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout
    async with process.stdin, process.stdout:
        await process.stdout.receive_some()
        await wait_all_tasks_blocked()
        with site.connect() as refused:
            assert (await refused.ask(get("/livez"))).code == "busy"
        process.kill()
        await process.wait()
    await wait_all_tasks_blocked()
    assert await site.serves_others()
    assert site.reads.outcomes == ["served"] * 21


async def test_over_the_limit_everybody_is_told_and_nobody_is_hurt(site: Site) -> None:
    await site.start(Limits(max_connections=4, max_connections_per_uid=3))
    clients = [site.connect() for _ in range(3)]
    for client in clients:
        await client.ask(get("/livez"))
    with capture_logs() as logs:
        refused = [site.connect() for _ in range(100)]
        await wait_all_tasks_blocked()
    assert [entry["event"] for entry in logs] == ["connection.refused"]  # once in 10 s
    # Those who were refused last can still send their request, and read why it isn't served.
    reply = await refused[-1].ask(get("/v1/keys/billing"))
    assert reply.headers["Retry-After"] == "1"
    assert reply.headers["Connection"] == "close"
    assert reply.json == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "code": "busy",
        "detail": "too many connections; reuse them, close those at rest, or raise "
        "server.max_connections",
    }
    assert await refused[-1].at_end()
    for client in clients:
        assert (await client.ask(get("/livez"))).status == 200
    clients.pop().close()
    await wait_all_tasks_blocked()
    assert await site.serves_others()
    for client in clients + refused:
        client.close()


@pytest.mark.parametrize("max_connections", [0, 1])
async def test_who_connects_and_leaves_is_forgotten(site: Site, max_connections: int) -> None:
    await site.start(Limits(max_connections))
    for _ in range(50):
        site.connect().close()
        await wait_all_tasks_blocked()
    with site.connect() as client:
        reply = await client.ask(get("/livez"))
        assert reply.status == (200 if max_connections else 503)


async def test_without_a_descriptor_left_it_accepts_again_later(
    site: Site, mock_clock: MockClock
) -> None:
    await site.start()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with site.connect() as client, capture_logs() as logs:
        client.send(get("/livez"))
        lowest_free = os.dup(0)
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        try:
            await wait_all_tasks_blocked()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        mock_clock.jump(0.2)
        assert (await client.reply()).status == 200
    assert logs == [
        {
            "event": "server.accept_failed",
            "error": "Too many open files",
            "log_level": "warning",
        }
    ]
