"""Tokens of every kind, with whole agents and the real Vault: each gets what its token allows."""

from __future__ import annotations

import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.agent.harness import Agent, Engine, configuration, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator


# Seconds of real time, because Vault counts whole ones. Terms are such that a replacement has
# 2.5 s, of which it needs a tenth: a busy machine makes no key stale.
LOOK = 15.0
KINDS: dict[str, dict[str, Any]] = {
    "renewable": {"token_ttl": "8s"},
    "periodic": {"token_period": "8s"},
    "short": {"token_ttl": "8s", "token_max_ttl": "12s"},
    "batch": {"token_ttl": "12s", "token_type": "batch"},
    "forbidden": {"token_ttl": "12s", "token_no_default_policy": True},  # to renew itself
}


@dataclass
class Fleet:
    """Agents that run at once, each with an AppRole of its own at the engine's auth mount."""

    engine: Engine
    directory: Path
    agents: list[Agent]

    def role(self, name: str, **params: object) -> tuple[str, str]:
        """Make a role; return its role-id and a secret-id."""
        path = f"auth/{self.engine.mount}/role/{name}"
        self.engine.vault.request("POST", path, {"token_policies": [self.engine.mount], **params})
        role_id = self.engine.vault.request("GET", f"{path}/role-id")["data"]["role_id"]
        secret_id = self.engine.vault.request("POST", f"{path}/secret-id", {})["data"]["secret_id"]
        return role_id, secret_id

    def agent(self, name: str, **options: str) -> Agent:
        directory = self.directory / name
        directory.mkdir()
        agent = Agent(directory)
        text = configuration(self.engine, self.engine.vault.address, **options)
        text = text.replace("[auth]", f'[auth]\nmount = "{self.engine.mount}"', 1)
        agent.config.write_text(text.replace("[vault]", "[vault]\nmax_mints_per_minute = 0", 1))
        self.agents.append(agent)
        return agent

    def enrol(self, agent: Agent, role_id: str, secret_id: str) -> None:
        """Let an agent log in with this role from its next start on."""
        lines = agent.config.read_text().splitlines()
        role = f'role_id = "{role_id}"'
        lines = [role if line.startswith("role_id =") else line for line in lines]
        agent.config.write_text("\n".join(lines))
        (agent.directory / "secret_id").write_text(secret_id)

    def tokens(self) -> dict[str, int]:
        """Count the tokens that live, by the role that they came from."""
        return Counter(data["meta"]["role_name"] for data in self.engine.tokens())


@pytest.fixture
def fleet(engine: Engine, tmpfs_path: Path) -> Iterator[Fleet]:
    made = Fleet(engine, tmpfs_path, [])
    yield made
    for agent in made.agents:
        agent.close()


def test_every_kind_of_token(fleet: Fleet) -> None:
    """Leases of five minutes under tokens of seconds: keys follow their token, without a spiral."""
    revoke = 'path "auth/token/revoke-self" { capabilities = ["update"] }'
    vault, mount = fleet.engine.vault, fleet.engine.mount
    policy = vault.request("GET", f"sys/policies/acl/{mount}")["data"]["policy"]
    vault.write_policy(mount, f"{policy}\n{revoke}")
    agents = {kind: fleet.agent(kind, overlap='"2s"') for kind in KINDS}
    for kind, agent in agents.items():
        fleet.enrol(agent, *fleet.role(kind, **KINDS[kind]))
        agent.start()
    for agent in agents.values():
        agent.wait_for_key()
    end = time.monotonic() + LOOK
    while time.monotonic() < end:  # what happens meanwhile is what is tested
        for kind, agent in agents.items():
            assert fleet.engine.works(agent.key_file.read_text()), kind
        time.sleep(0.1)
    for kind, agent in agents.items():
        logins, mints = len(agent.logged("token.logged_in")), len(agent.logged("key.minted"))
        print(f"{kind}: {logins} logins, {mints} mints")
        assert not agent.logged("key.stale"), kind
        assert 0 <= logins - mints <= 1, f"{kind}: one key under each token"
        if kind in {"renewable", "periodic"}:
            assert logins == 1, f"{kind}: it is renewed for ever"
            assert len(agent.logged("token.renewed")) >= 2
        else:
            assert 2 <= logins <= LOOK / 3, kind
    assert len(agents["forbidden"].told("token.renewal_failed")) == 1, "told once"
    for agent in agents.values():
        assert agent.end() == 0
    counts = fleet.tokens()
    assert max(counts.pop("short"), counts.pop("forbidden")) <= 2, "in use, and in its overlap"
    assert counts == {"renewable": 1, "periodic": 1}


def test_fifty_restarts_and_logins_leave_no_token_behind(fleet: Fleet) -> None:
    """Each start finds another role in its configuration, so it logs in anew and revokes."""
    roles = [fleet.role(name, token_ttl="1h") for name in ("one", "two")]

    def restart(agent: Agent) -> None:
        tag = None
        for number in range(25):
            fleet.enrol(agent, *roles[number % 2])
            agent.start()
            tag = agent.wait_for_key(other_than=tag)["tag"]
            agent.end(signal.SIGTERM if number % 3 else signal.SIGKILL)
        agent.start()

    agents = [fleet.agent(name, overlap='"0s"') for name in ("a", "b")]
    with ThreadPoolExecutor() as pool:
        list(pool.map(restart, agents))
    logins = sum(len(agent.logged("token.logged_in")) for agent in agents)
    assert logins == 50
    eventually(lambda: fleet.tokens() == {"one": 2}, "the tokens that are in use are left")
    eventually(lambda: fleet.engine.counts()["live"] == 2, "and their keys")
