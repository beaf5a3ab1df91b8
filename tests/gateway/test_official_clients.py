"""The official clients through the gateway, while its key is replaced every second."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import trio
from openai import AsyncOpenAI, DefaultAsyncHttpx2Client, DefaultHttpx2Client, OpenAI

from tests.apps.page import NODE_MODULES
from tests.gateway.rotations import client, generations, rotating
from tests.support.openai_calls import CALLS
from tests.support.realtime_calls import converse, converse_async
from tests.testbed.test_emulator_node import EXPECTED

if TYPE_CHECKING:
    from tests.agent.harness import Agent, Engine

pytestmark = [pytest.mark.gateway, pytest.mark.timeout(300)]


def over_socket(agent: Agent) -> OpenAI:
    transport = httpx2.HTTPTransport(uds=str(agent.directory / "openai.sock"))
    http_client = DefaultHttpx2Client(transport=transport)
    base_url = "http://localhost/v1"
    return OpenAI(
        api_key="any", base_url=base_url, max_retries=0, timeout=60, http_client=http_client
    )


@pytest.mark.parametrize("way", ["tcp", "socket"])
def test_every_call_through_rotations(agent: Agent, engine: Engine, port: int, way: str) -> None:
    before = generations(agent)

    def work(_: int) -> None:
        with client(port) if way == "tcp" else over_socket(agent) as openai:
            while generations(agent) < before + 4:
                for call in CALLS.values():
                    call(openai)

    with rotating(agent), ThreadPoolExecutor(3) as threads:
        for worker in [threads.submit(work, number) for number in range(3)]:
            worker.result()
    seen = {one["fingerprint"] for one in engine.openai.traffic(last=1000)["requests"]}
    assert len(seen) > 2, "several keys were used"


async def test_asynchronous_calls_through_rotations(agent: Agent, port: int) -> None:
    before = generations(agent)
    messages: Any = [{"role": "user", "content": "one two"}]
    path = str(agent.directory / "openai.sock")
    http_client = DefaultAsyncHttpx2Client(transport=httpx2.AsyncHTTPTransport(uds=path))

    async def work(openai: AsyncOpenAI) -> None:
        while await trio.to_thread.run_sync(generations, agent) < before + 4:
            made = await openai.chat.completions.create(model="gpt-4o-mini", messages=messages)
            assert made.usage is not None
            stream = await openai.responses.create(model="gpt-4o-mini", input="x", stream=True)
            types = [event.type async for event in stream]
            assert types[-1] == "response.completed"

    with rotating(agent):
        over_tcp = AsyncOpenAI(api_key="any", base_url=f"http://127.0.0.1:{port}/v1", max_retries=0)
        local = AsyncOpenAI(
            api_key="any", base_url="http://localhost/v1", max_retries=0, http_client=http_client
        )
        async with over_tcp, local, trio.open_nursery() as nursery:
            for openai in (over_tcp, local):
                nursery.start_soon(work, openai)


def test_realtime_through_rotations(agent: Agent, port: int) -> None:
    before = generations(agent)
    with rotating(agent), client(port, websocket_base_url=f"ws://127.0.0.1:{port}/v1") as openai:
        while generations(agent) < before + 4:
            converse(openai)
    told = [json.loads(line) for line in (agent.directory / "audit").read_text().splitlines()]
    sessions = [line for line in told if line.get("path") == "/v1/realtime"]
    assert {line["model"] for line in sessions} == {"gpt-realtime"}
    assert all(line["output_tokens"] == 3 for line in sessions)


def test_realtime_on_asyncio(agent: Agent, port: int) -> None:
    import asyncio  # noqa: PLC0415 - the client's WebSocket runs on nothing else

    async def run() -> None:
        async with AsyncOpenAI(
            api_key="any",
            base_url=f"http://127.0.0.1:{port}/v1",
            websocket_base_url=f"ws://127.0.0.1:{port}/v1",
        ) as openai:
            await converse_async(openai)

    with rotating(agent):
        asyncio.run(run())


@pytest.mark.parametrize("way", ["tcp", "socket"])
def test_the_client_for_node(agent: Agent, port: int, way: str) -> None:
    if not shutil.which("node") or not NODE_MODULES.exists():
        pytest.skip("there is no node on this machine, or npm has not installed tests/apps/node")
    environment = {
        "PATH": os.environ["PATH"],
        "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "OPENAI_API_KEY": "any",
    }
    if way == "socket":
        environment["OPENAI_SOCKET"] = str(agent.directory / "openai.sock")
    with rotating(agent):
        for _ in range(3):
            done = subprocess.run(
                ["node", str(NODE_MODULES.parent / "openai_calls.mjs")],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
            )
            assert json.loads(done.stdout) == EXPECTED
