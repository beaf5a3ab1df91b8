"""Asks the gateway of a real agent, and reads what the agent recorded of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import http.client

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
