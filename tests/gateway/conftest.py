from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from testbed.process import ReservedPort
from tests.agent.conftest import engine, given, make_agent  # noqa: F401 - fixtures
from tests.agent.reconfiguring import mint_without_limit
from tests.gateway.held_upstream import HeldUpstream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.agent.harness import Agent, Engine


@pytest.fixture
def port() -> Iterator[int]:
    reserved = ReservedPort()
    yield reserved.number
    reserved.close()


@pytest.fixture
def make_gateway(
    make_agent: Callable[..., Agent],  # noqa: F811 - the fixture
    engine: Engine,  # noqa: F811 - the fixture
    port: int,
) -> Callable[..., Agent]:
    """Start an agent with a gateway at `port` and a socket, and wait for its key."""

    def make(clients: str = "", gateway: str = "", extra: str = "", **options: str) -> Agent:
        more = f"""
[gateway]
socket = "openai.sock"
tcp = "127.0.0.1:{port}"
upstream = "{engine.openai.base_url}"
{gateway}
[[gateway.clients]]
{clients}
[log]
audit_file = "audit"
{extra}
"""
        agent = make_agent(extra=more, **options)
        mint_without_limit(agent)
        agent.start()
        agent.wait_for_key()
        return agent

    return make


@pytest.fixture
def agent(make_gateway: Callable[..., Agent]) -> Iterator[Agent]:
    """One whose clients hold no key; at the end no answer of OpenAI's has been a refusal."""
    agent = make_gateway(overlap='"1s"')
    yield agent
    told = [json.loads(line) for line in (agent.directory / "audit").read_text().splitlines()]
    statuses = {line["status"] for line in told if line["event"] == "gateway.request"}
    assert statuses <= {200, 101}


@pytest.fixture
def upstream() -> Iterator[HeldUpstream]:
    made = HeldUpstream()
    yield made
    made.close()
