"""The report of a real agent's audit file, beside what OpenAI's emulator has on record."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from tests.agent.harness import eventually
from tests.agent.reconfiguring import mint_without_limit

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Agent, Engine


def test_every_key_that_openai_made_is_in_it_with_its_end(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    agent = make_agent(extra='[log]\naudit_file = "audit"', overlap='"1s"')
    mint_without_limit(agent)
    agent.start()
    keys: dict[str, str] = {}
    tag = None
    for _ in range(4):
        key = agent.wait_for_key(other_than=tag)
        tag = key["tag"]
        keys[tag] = key["api_key_id"]
        assert agent.post("/v1/keys/billing/rotate") == 202
    last = agent.wait_for_key(other_than=tag)
    keys[last["tag"]] = last["api_key_id"]
    eventually(lambda: engine.counts()["live"] == 1 or None, "the old keys have gone")
    time.sleep(0.1)
    alive = engine.openai.state()["live"]
    live = {key["key_id"] for key in alive if key["project_id"] == engine.project_id}
    assert agent.end() == 0

    audit = str(agent.directory / "audit")
    command = [sys.executable, "-m", "freshkey", "report", audit, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    found: dict[str, Any] = json.loads(done.stdout)
    assert {row["tag"]: row["api_key_id"] for row in found["keys"]} == keys
    assert len(found["keys"]) == engine.counts()["mints"]
    assert {row["api_key_id"] for row in found["keys"] if row["how"] == "alive"} == live
    assert {row["how"] for row in found["keys"]} == {"alive", "revoked"}
    assert all(row["readers"] for row in found["keys"])
    assert found["applications"][0]["seconds_without_a_key"] == 0
    assert "sk-" not in done.stdout
