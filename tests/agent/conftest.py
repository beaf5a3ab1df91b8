from __future__ import annotations

import http.client
import json
import re
import secrets
import threading
import time
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from testbed.emulator.federation import PREFIX
from tests.agent.exposure import Exposure
from tests.agent.federation import Federation
from tests.agent.harness import Agent, Engine, configuration
from tests.agent.reconfiguring import mint_without_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

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
    openai_server.configure()
    vault.request("PUT", f"sys/leases/revoke-force/{mount}")
    vault.request("DELETE", f"sys/mounts/{mount}")
    vault.request("DELETE", f"sys/auth/{mount}")


@pytest.fixture
def make_agent(engine: Engine, tmpfs_path: Path) -> Iterator[Callable[..., Agent]]:
    """Make an agent that isn't started; takes what `configuration` takes."""
    made: list[Agent] = []

    def make(address: str = engine.vault.address, extra: str = "", **options: str) -> Agent:
        (tmpfs_path / "secret_id").write_text(engine.secret_id)
        (tmpfs_path / "secret_id").chmod(0o600)
        agent = Agent(tmpfs_path)
        text = configuration(engine, address, extra, **options)
        agent.config.write_text(text.replace("[auth]", f'[auth]\nmount = "{engine.mount}"', 1))
        made.append(agent)
        return agent

    yield make
    for agent in made:
        agent.close()


@pytest.fixture
def given(engine: Engine, tmp_path: Path) -> Iterator[Callable[[], dict[str, str]]]:
    """All that Vault has given to this engine's agent so far, also what never got anywhere."""
    record = tmp_path / "vault-audit"
    options = {"file_path": str(record), "log_raw": "true"}
    engine.vault.request("PUT", "sys/audit/canary", {"type": "file", "options": options})

    def read() -> dict[str, str]:
        found: dict[str, str] = {}
        for line in map(json.loads, record.read_text().splitlines()):
            answer: dict[str, Any] = line.get("response") or {}
            if engine.mount in line["request"]["path"]:
                token = (answer.get("auth") or {}).get("client_token")
                key = (answer.get("data") or {}).get("api_key")
                found |= {f"token {len(found)}": token} if token else {}
                found |= {f"key {len(found)}": key} if key else {}
        return found

    yield read
    engine.vault.request("DELETE", "sys/audit/canary")


@pytest.fixture
def expose(
    make_agent: Callable[..., Agent], engine: Engine, tmp_path: Path
) -> Callable[..., Exposure]:
    """Make an agent that logs all it can; its secret-id has no look by which a log could tell."""

    def make(login: str = "approle", layout: str = "json", **options: str) -> Exposure:
        role = f"auth/{engine.mount}/role/agent/custom-secret-id"
        engine.secret_id = f"canary{secrets.token_hex(16)}"
        engine.vault.request("POST", role, {"secret_id": engine.secret_id})
        log = f'[log]\nlevel = "debug"\nformat = "{layout}"'
        agent = make_agent(extra=log, **options)
        mint_without_limit(agent)
        if login == "token":
            table = re.compile(r"\[auth\].*?(?=\n\[)", re.DOTALL)
            agent.config.write_text(table.sub('[auth]\nmethod = "token"', agent.config.read_text()))
            token = f"canary{secrets.token_hex(16)}"
            asked = {"id": token, "policies": [engine.mount], "ttl": "1h"}
            engine.vault.request("POST", "auth/token/create", asked)
            agent.environment["VAULT_TOKEN"] = token
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        return Exposure(agent, scratch)

    return make


@pytest.fixture
def agent(engine: Engine, make_agent: Callable[..., Agent]) -> Iterator[Agent]:
    """An agent that has not started, whose tokens have Vault's default policy too."""
    made = make_agent()
    yield made
    assert engine.counts()["mints"] <= 1


@pytest.fixture
def reloadable(make_agent: Callable[..., Agent]) -> Agent:
    """An agent that has published a key, and replaces it whenever it is asked."""
    agent = make_agent(extra='[log]\naudit_file = "audit"', overlap='"1s"')
    mint_without_limit(agent)
    agent.start()
    agent.wait_for_key()
    return agent


@pytest.fixture
def federation(engine: Engine) -> Federation:
    """Vault and OpenAI, set up for a key by federation."""
    return Federation.of(engine)


@pytest.fixture
def federated(federation: Federation, make_agent: Callable[..., Agent]) -> Agent:
    """An agent that has not started, with a key by federation."""
    agent = make_agent(extra='[log]\naudit_file = "audit"', overlap='"1s"')
    federation.edit(agent)
    return agent


@pytest.fixture
def poller(reloadable: Agent) -> Iterator[None]:
    """A reader of file and socket that fails the test when it is ever without a whole key."""
    stop, bad = threading.Event(), []

    def ask() -> tuple[int, dict[str, str], bytes]:
        path, began = "/v1/keys/billing", time.monotonic()
        try:
            return reloadable.get(path)
        except (http.client.RemoteDisconnected, BrokenPipeError):
            # A server that stops hears a new client for so long, and this thread may have slept.
            if time.monotonic() - began < 0.25:
                raise
            return reloadable.get(path)

    def poll() -> None:
        while not stop.is_set():
            try:
                if not reloadable.key_file.read_text().startswith(("sk-", PREFIX)):
                    bad.append("a part of a key")
                status, _, body = ask()
                if status != 200:
                    bad.append(f"{status}: {body!r}")
            except OSError as error:
                bad.append(f"{error!r}")
            time.sleep(0.002)

    reader = threading.Thread(target=poll)
    reader.start()
    yield
    stop.set()
    reader.join()
    assert bad == []
