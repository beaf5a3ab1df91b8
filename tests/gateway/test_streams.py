"""Streams through the gateway: whole, however long, and ended when their client hangs up."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import eventually
from tests.gateway.rotations import client, generations, rotating

if TYPE_CHECKING:
    from tests.agent.harness import Agent, Engine

pytestmark = [pytest.mark.gateway, pytest.mark.timeout(300)]

SECONDS_LONG = 600.0 if os.environ.get("LONG") else 12.0


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
