"""The official clients through the gateway, while its key is replaced every second."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import trio
from openai import AsyncOpenAI, DefaultAsyncHttpx2Client, DefaultHttpx2Client, OpenAI

from tests.agent.harness import eventually
from tests.apps.page import NODE_MODULES
from tests.support.openai_calls import CALLS
from tests.support.realtime_calls import converse, converse_async
from tests.testbed.test_emulator_node import EXPECTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.agent.harness import Agent, Engine

pytestmark = [pytest.mark.gateway, pytest.mark.timeout(300)]

MEBIBYTE = 1 << 20
FILE_SIZE = 512 * MEBIBYTE
GROWTH = 24 * MEBIBYTE  # of a process that passes twenty times as much
SECONDS_LONG = 600.0 if os.environ.get("LONG") else 12.0


@contextmanager
def rotating(agent: Agent, every: float = 1.0) -> Iterator[None]:
    """Replace the key all the time; the old one is revoked a second after that."""
    stop = threading.Event()

    def rotate() -> None:
        while not stop.wait(every):
            agent.post("/v1/keys/billing/rotate")

    thread = threading.Thread(target=rotate)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def agent(make_gateway: Callable[..., Agent]) -> Iterator[Agent]:
    """One whose clients hold no key; at the end no answer of OpenAI's has been a refusal."""
    agent = make_gateway(overlap='"1s"')
    yield agent
    told = [json.loads(line) for line in (agent.directory / "audit").read_text().splitlines()]
    statuses = {line["status"] for line in told if line["event"] == "gateway.request"}
    assert statuses <= {200, 101}


def client(port: int, **more: Any) -> OpenAI:  # noqa: ANN401 - the client's own options
    base_url = f"http://127.0.0.1:{port}/v1"
    return OpenAI(api_key="any", base_url=base_url, max_retries=0, timeout=60, **more)


def over_socket(agent: Agent) -> OpenAI:
    transport = httpx2.HTTPTransport(uds=str(agent.directory / "openai.sock"))
    http_client = DefaultHttpx2Client(transport=transport)
    base_url = "http://localhost/v1"
    return OpenAI(
        api_key="any", base_url=base_url, max_retries=0, timeout=60, http_client=http_client
    )


def generations(agent: Agent) -> int:
    return int(agent.status()["generation"])


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


@pytest.mark.timeout(SECONDS_LONG + 240)
def test_a_long_stream_over_rotations(agent: Agent, engine: Engine, port: int) -> None:
    """It ends whole, however often its key is replaced and revoked meanwhile."""
    interval = 0.05
    events = int(SECONDS_LONG / interval)
    engine.openai.configure(
        stream_events={"chat.completions": events}, stream_interval={"chat.completions": interval}
    )
    before = generations(agent)
    begun = time.monotonic()
    with rotating(agent, SECONDS_LONG / 5), client(port) as openai:
        stream = openai.with_options(timeout=SECONDS_LONG + 60).chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "x"}], stream=True
        )
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert text.split() == [str(number) for number in range(events)]
    assert time.monotonic() - begun >= SECONDS_LONG * 0.9
    assert generations(agent) >= before + 3


def resident(agent: Agent) -> int:
    assert agent.process is not None
    with open(f"/proc/{agent.process.pid}/status") as file:  # noqa: PTH123 - not a path of ours
        (line,) = (line for line in file if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def test_memory_stays_flat_whatever_passes(agent: Agent, port: int) -> None:
    """Half a gibibyte up and down: the most that was ever resident hardly grows."""
    part = b"x" * MEBIBYTE
    before = resident(agent)

    def pieces() -> Iterator[bytes]:
        yield b'--b0\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
        yield b'--b0\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(FILE_SIZE // MEBIBYTE):
            yield part
        yield b"\r\n--b0--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b0", "Authorization": "Bearer any"}
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as http:
        made = http.post("/v1/files", content=pieces(), headers=headers).raise_for_status().json()
        assert made["bytes"] == FILE_SIZE
        size = 0
        path = f"/v1/files/{made['id']}/content"
        with http.stream("GET", path, headers={"Authorization": "Bearer any"}) as answer:
            for data in answer.iter_raw():
                size += len(data)
        assert size == FILE_SIZE
    assert resident(agent) - before < GROWTH


def test_a_client_that_hangs_up_ends_its_stream_within_a_second(
    agent: Agent, engine: Engine, port: int
) -> None:
    engine.openai.configure(
        stream_events={"chat.completions": 1000}, stream_hold={"chat.completions": 3}
    )
    traffic = engine.openai.traffic
    with client(port) as openai:
        stream = openai.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "x"}], stream=True
        )
        next(iter(stream))
        assert traffic()["endpoints"]["chat.completions"]["under_way"] == 1
        at = traffic()["now"]
        stream.close()

        def hung_up_at() -> float | None:
            found = traffic()["endpoints"]["chat.completions"]
            return found["last_hang_up"] if found["hung_up"] and not found["under_way"] else None

        assert eventually(hung_up_at, "it") - at < 1.0


def test_the_key_is_in_nothing_that_a_client_sees(
    make_gateway: Callable[..., Agent],
    engine: Engine,
    port: int,
    given: Callable[[], dict[str, str]],
) -> None:
    """Nor in the log, the audit file, or the metrics."""
    agent = make_gateway(overlap='"1s"')
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
        seen = b""
        with rotating(agent):
            for path in ("/v1/models", "/v1/nothing", "/v1/organization", "/v1/files", "/"):
                answer = http.get(path, headers={"Authorization": "Bearer any"})
                seen += str(answer.headers.multi_items()).encode() + answer.content
            before = generations(agent)
            eventually(lambda: generations(agent) > before + 1, "two more keys")
        engine.openai.configure(errors={"models.list": "invalid_api_key"})
        refused = http.get("/v1/models")
        assert refused.status_code == 401
        seen += refused.content
    written = [(agent.directory / name).read_bytes() for name in ("log", "audit")]
    keys = given()
    assert len([name for name in keys if name.startswith("key")]) > 2
    for secret in keys.values():
        assert secret.encode() not in b"".join([seen, *written, agent.get("/metrics")[2]])
