"""Many keys in one agent, with a real Vault; what they cost is measured by `make bench-socket`."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

from tests.agent.harness import eventually
from tests.agent.reconfiguring import mint_without_limit

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Agent, Engine

COUNT = 60
KEY = """
[keys.key-{number}]
path = "{path}"
[keys.key-{number}.verify]
base_url = "{base_url}"
[[keys.key-{number}.files]]
path = "keys/key-{number}"
"""


def published(agent: Agent) -> dict[str, str] | None:
    """The tag of each key; None as long as one is missing."""
    keys = json.loads(agent.get("/v1/keys")[2])
    fresh = {key["name"]: key["tag"] for key in keys if key["state"] == "fresh"}
    return fresh if len(fresh) == COUNT + 1 else None


def test_sixty_keys_are_minted_once_and_survive_a_kill(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    fields = {"path": engine.path, "base_url": engine.openai.base_url}
    agent = make_agent(extra="".join(KEY.format(number=n, **fields) for n in range(COUNT)))
    mint_without_limit(agent)
    agent.start()
    agent.wait_for_key()
    tags = eventually(lambda: published(agent), "all keys")
    files = {file.name for file in (agent.directory / "keys").iterdir()}
    assert files == tags.keys()
    assert len({tag.partition("-")[2] for tag in tags.values()}) == COUNT + 1
    assert engine.counts()["mints"] == COUNT + 1

    agent.end(signal.SIGKILL)
    agent.start()
    agent.wait_for_key()
    assert eventually(lambda: published(agent), "all keys of the journal") == tags
    assert agent.end() == 0
    assert engine.counts()["mints"] == engine.counts()["live"] == COUNT + 1
