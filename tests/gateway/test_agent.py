"""The gateway of a real agent, with a real Vault, and OpenAI's emulator behind it."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any

from tests.agent.harness import UnixConnection, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Agent

CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "one two three"}]}
ANY_KEY = {"Authorization": "Bearer any", "Content-Type": "application/json"}


def ask(
    connection: http.client.HTTPConnection, path: str = "/v1/chat/completions", **more: object
) -> tuple[int, dict[str, str], dict[str, Any]]:
    connection.request("POST", path, json.dumps({**CHAT, **more}), ANY_KEY)
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), json.loads(answer.read())


def audited(agent: Agent) -> list[dict[str, Any]]:
    lines = (agent.directory / "audit").read_text().splitlines()
    return [line for line in map(json.loads, lines) if line["event"] == "gateway.request"]


def test_a_request_over_tcp_and_the_socket(make_gateway: Callable[..., Agent], port: int) -> None:
    agent = make_gateway()
    over_tcp = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    over_socket = UnixConnection(agent.directory / "openai.sock")
    for connection in (over_tcp, over_socket):
        for _ in range(2):
            status, _, body = ask(connection)
            assert (status, body["object"]) == (200, "chat.completion"), body
        connection.close()
    told = eventually(lambda: (found := audited(agent))[3:] and found, "four records")
    key = agent.key()
    assert key is not None
    assert {(line["client"], line["key"], line["tag"], line["status"]) for line in told} == {
        ("billing", "billing", key["tag"], 200)
    }
    assert {line["model"] for line in told} == {"gpt-4o-mini"}
    assert all(line["input_tokens"] for line in told)
    text = agent.get("/metrics")[2].decode()
    assert (
        'freshkey_gateway_requests_total{client="billing",key="billing",status="200"} 4.0' in text
    )
