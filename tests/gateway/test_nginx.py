"""The real nginx of docs/gateway.md: its key changes under its clients, and they notice nothing."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from openai import OpenAI

from tests.agent.harness import UnixConnection, eventually
from tests.agent.reconfiguring import mint_without_limit
from tests.apps.site import Site as Counting
from tests.gateway.nginx import NGINX, make_documented, make_edge, unused_ports
from tests.gateway.page import block, here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.agent.harness import Agent, Engine
    from tests.gateway.nginx import Nginx

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is missing: apt-get install nginx")
TEMPLATES = Path(__file__).resolve().parents[2] / "configs" / "templates"
ROTATIONS = 4
MODEL = "gpt-5-mini-nginx"


class Site(NamedTuple):
    agent: Agent
    nginx: Nginx
    port: int
    directory: Path
    held: socket.socket  # listens for what goes to /v1/held


@pytest.fixture
def nginx_site(
    make_agent: Callable[..., Agent], engine: Engine, tmpfs_path: Path
) -> Iterator[Site]:
    """An agent whose hook reloads nginx, as the page says; nginx; and OpenAI behind TLS."""
    port, edge_port = unused_ports(2)
    keys = tmpfs_path / "keys"
    with socket.create_server(("127.0.0.1", 0)) as held, ExitStack() as stack:
        held.settimeout(20)
        edge, certificate = make_edge(
            tmpfs_path, edge_port, engine.openai.port, held.getsockname()[1]
        )
        nginx = make_documented(tmpfs_path, port, edge_port, certificate, keys)
        places = {
            "/run/freshkey/keys": str(keys),
            "/etc/freshkey/templates": str(TEMPLATES),
            '["systemctl", "reload", "nginx.service"]': json.dumps(nginx.command("-s", "reload")),
        }
        agent = make_agent(extra=here(block("nginx"), places), overlap='"2s"')
        mint_without_limit(agent)
        agent.start()
        agent.wait_for_key()
        stack.enter_context(edge)
        stack.enter_context(nginx)
        yield Site(agent, nginx, port, tmpfs_path, held)


def hooks_done(agent: Agent) -> int:
    return len(agent.logged("hook.done"))


def test_no_request_is_refused_while_the_key_changes(nginx_site: Site, engine: Engine) -> None:
    agent = nginx_site.agent
    stop, answered, failed = threading.Event(), [0, 0, 0], []
    counting = Counting(engine, agent, "")
    refused = counting.refused()

    def ask(number: int) -> None:
        client = OpenAI(
            base_url=f"http://127.0.0.1:{nginx_site.port}/v1", api_key="none", max_retries=0
        )
        with client:
            while not stop.is_set():
                try:
                    client.responses.create(model=MODEL, input="Does it work?")
                    events = client.responses.create(
                        model=MODEL, input="Does it work?", stream=True
                    )
                    assert [event.type for event in events][-1] == "response.completed"
                    answered[number] += 2
                except Exception as error:  # noqa: BLE001 - told at the end
                    failed.append(repr(error))

    def has_used(keys: int) -> bool:
        return counting.keys_of(MODEL) >= keys

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(answered))]
    for thread in threads:
        thread.start()
    try:
        tag = agent.wait_for_key()["tag"]
        for number in range(ROTATIONS + 1):
            eventually(partial(has_used, number + 1), f"a request with key {number + 1}")
            # A rotation within an overlap would end that: nginx may still be amid its reload.
            eventually(lambda: engine.counts()["live"] == 1, "the end of the overlap")
            if number < ROTATIONS:
                assert agent.post("/v1/keys/billing/rotate") == 202
                tag = agent.wait_for_key(other_than=tag)["tag"]
        before = list(answered)
        eventually(lambda: all(map(int.__gt__, answered, before)), "requests after that")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failed == []
    assert counting.refused() == refused
    counted = counting.counted()[MODEL]
    assert counted.keys == ROTATIONS + 1
    assert counted.requests >= sum(answered)
    print(f"\n{counted.requests} requests, {counted.keys} keys")


def test_credentials_of_the_client_stay_behind(nginx_site: Site) -> None:
    key = (nginx_site.agent.key() or {})["key"]
    headers = {
        "Authorization": "Bearer of-the-client",
        "Cookie": "of=the-client",
        "Api-Key": "of-the-client",
        "X-Api-Key": "of-the-client",
        "Proxy-Authorization": "Basic of-the-client",
    }
    over_tcp = http.client.HTTPConnection("127.0.0.1", nginx_site.port, timeout=10)
    over_socket = UnixConnection(nginx_site.directory / "nginx.sock")
    for connection in (over_tcp, over_socket):
        connection.request("GET", "/v1/echo?a=b%20c", headers=headers)
        answer = connection.getresponse()
        assert answer.read().decode() == f"api.openai.com|Bearer {key}|||||"
        assert answer.getheader("Set-Cookie") is None
        for offered, passed in (
            ("realtime, openai-insecure-api-key.x, beta", "realtime, beta"),
            ("openai-insecure-api-key.x, realtime", "realtime"),
            ("realtime, OpenAI-Insecure-API-Key.x", "realtime"),
            ("openai-insecure-api-key.x", ""),
            ("realtime", "realtime"),
        ):
            connection.request("GET", "/v1/echo", headers={"Sec-WebSocket-Protocol": offered})
            assert connection.getresponse().read().decode().rpartition("|")[2] == passed
        connection.close()


@pytest.mark.parametrize(
    ("target", "headers", "code"),
    [
        ("/v1/organization/projects", {}, "path_not_allowed"),
        ("/v1/Organization", {}, "path_not_allowed"),
        ("/v1/organizations", {}, "path_not_allowed"),
        ("/v1//organization/projects", {}, "path_not_allowed"),
        ("/v1/%6frganization/projects", {}, "path_not_allowed"),
        ("/v1/%256frganization/projects", {}, "path_not_allowed"),
        ("/v1/models/../organization/projects", {}, "path_not_allowed"),
        ("/v1/models/%2e%2e/organization/projects", {}, "path_not_allowed"),
        ("/v1/models\\..\\organization", {}, "path_not_allowed"),
        ("/v2/models", {}, "path_not_allowed"),
        ("/", {}, "path_not_allowed"),
        ("/v1/models", {"Origin": "https://page.example"}, "path_not_allowed"),
        ("/v1/models", {"Host": "page.example"}, "host_not_allowed"),
    ],
)
def test_what_is_not_passed_on(
    nginx_site: Site, target: str, headers: dict[str, str], code: str
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", nginx_site.port, timeout=10)
    connection.request("GET", target, headers=headers)
    answer = connection.getresponse()
    assert answer.status == 403
    assert json.loads(answer.read())["error"]["code"] == code
    connection.close()


def test_a_stream_comes_as_it_goes_over_a_reload_and_a_websocket_does(nginx_site: Site) -> None:
    stream = http.client.HTTPConnection("127.0.0.1", nginx_site.port, timeout=20)
    stream.request("POST", "/v1/held", b"{}")
    upstream, _ = nginx_site.held.accept()
    with upstream:
        assert b"\r\n\r\n" in upstream.recv(65536)
        upstream.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        answer = stream.getresponse()
        assert answer.read(5) == b"first"
        tag, done = nginx_site.agent.wait_for_key()["tag"], hooks_done(nginx_site.agent)
        assert nginx_site.agent.post("/v1/keys/billing/rotate") == 202
        nginx_site.agent.wait_for_key(other_than=tag)
        eventually(lambda: hooks_done(nginx_site.agent) > done, "nginx is told")
        upstream.sendall(b"6\r\nsecond\r\n0\r\n\r\n")
        assert answer.read() == b"second"
    stream.close()

    with socket.create_connection(("127.0.0.1", nginx_site.port), 20) as client:
        client.sendall(
            b"GET /v1/held?model=x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n"
        )
        upstream, _ = nginx_site.held.accept()
        with upstream:
            asked = upstream.recv(65536).lower()
            assert b"\r\nupgrade: websocket\r\n" in asked
            assert b"\r\nconnection: upgrade\r\n" in asked
            upstream.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\n\r\n"
            )
            assert client.recv(65536).startswith(b"HTTP/1.1 101 ")
            client.sendall(b"to openai")
            assert upstream.recv(64) == b"to openai"
            upstream.sendall(b"to the client")
            assert client.recv(64) == b"to the client"
