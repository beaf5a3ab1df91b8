"""`freshkey report` of a real agent's record says what its clients saw."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.agent.harness import eventually
from tests.gateway.asking import ask, audited

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Agent


def test_what_clients_saw_is_in_it(make_gateway: Callable[..., Agent], port: int) -> None:
    agent = make_gateway('name = "agents"\npaths = ["/chat"]')
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    tokens = 0
    for _ in range(3):
        status, _, body = ask(connection)
        assert status == 200
        tokens += body["usage"]["prompt_tokens"]
    assert ask(connection, "/v1/chat/completions", model=7)[0] == 400, "by OpenAI"
    assert ask(connection, "/v1/responses")[0] == 403, "by the gateway"
    connection.close()
    eventually(lambda: audited(agent)[4:], "all records")
    audit = str(agent.directory / "audit")
    command = [sys.executable, "-m", "freshkey", "report", audit, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    by_model = {row["model"]: row for row in json.loads(done.stdout)["requests"]}
    assert {(row["client"], row["key"]) for row in by_model.values()} == {("agents", "billing")}
    named, unnamed = by_model["gpt-4o-mini"], by_model[None]
    assert (named["requests"], named["answered"], named["input_tokens"]) == (3, 3, tokens)
    assert (unnamed["refused_by_gateway"], unnamed["refused_by_openai"]) == ({"403": 1}, {"400": 1})
