from __future__ import annotations

import shutil
import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import Agent, Engine, configuration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testbed.emulator.process import OpenAIServer
    from testbed.vault import VaultServer

_NUMBERS = count(1)


@pytest.fixture
def engine(vault: VaultServer, openai_server: OpenAIServer) -> Iterator[Engine]:
    """A role with a lease of five minutes, and the policy that the agent needs, no more."""
    openai_server.reset()
    mount = f"openai-agent-{next(_NUMBERS)}"
    project_id = openai_server.create_project(mount)
    vault.enable_openai(mount, openai_server.base_url)
    vault.write_policy(
        mount,
        f'path "{mount}/creds/billing" {{ capabilities = ["read"] }}\n'
        f'path "sys/leases/revoke/{mount}/creds/billing/*" {{ capabilities = ["update"] }}',
    )
    role_id, secret_id = vault.approle(mount, [mount], token_ttl="1h")
    engine = Engine(vault, openai_server, mount, project_id, role_id, secret_id)
    engine.set_ttl("5m")
    yield engine
    openai_server.set()
    vault.request("PUT", f"sys/leases/revoke-force/{mount}")
    vault.request("DELETE", f"sys/mounts/{mount}")
    vault.request("DELETE", f"sys/auth/{mount}")


@pytest.fixture
def memory() -> Iterator[Path]:
    """A directory on tmpfs, with a path short enough for a socket."""
    directory = Path(tempfile.mkdtemp(prefix="freshkey-", dir="/dev/shm"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def make_agent(engine: Engine, memory: Path) -> Iterator[Callable[..., Agent]]:
    """Make an agent that isn't started; takes what `configuration` takes."""
    made: list[Agent] = []

    def make(address: str = engine.vault.address, extra: str = "", **options: str) -> Agent:
        (memory / "secret_id").write_text(engine.secret_id)
        agent = Agent(memory)
        text = configuration(engine, address, extra, **options)
        agent.config.write_text(text.replace("[auth]", f'[auth]\nmount = "{engine.mount}"', 1))
        made.append(agent)
        return agent

    yield make
    for agent in made:
        agent.close()
