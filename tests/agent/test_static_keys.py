"""Secrets without a lease, in Vault's own KV engines, and the move from there to the engine."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.agent.harness import Engine, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.agent.harness import Agent


@dataclass
class StaticKey:
    """A key that a person made at OpenAI and put into KV."""

    engine: Engine
    path: str
    key: str = ""
    account: str = ""

    def put(self) -> None:
        """Make another key, and put it there."""
        self.account, self.key = self.engine.openai.create_key(self.engine.project_id)
        fields = {"api_key": self.key}
        body = {"data": fields} if "/data/" in self.path else fields
        self.engine.vault.request("POST", self.path, body)

    def end(self) -> None:
        """Delete the key, at OpenAI and in Vault."""
        self.engine.openai.delete_account(self.account)
        self.engine.vault.request("DELETE", self.path)


@pytest.fixture(params=[1, 2])
def static_key(engine: Engine, request: pytest.FixtureRequest) -> Iterator[StaticKey]:
    mount = f"{engine.mount}-kv"
    engine.vault.enable_kv(mount, request.param)
    made = StaticKey(engine, f"{mount}/data/billing" if request.param == 2 else f"{mount}/billing")
    read = "\n".join(
        f'path "{path}" {{ capabilities = ["read"] }}' for path in (made.path, engine.path)
    )
    engine.vault.write_policy(engine.mount, read)
    made.put()
    yield made
    engine.vault.request("DELETE", f"sys/mounts/{mount}")


def make(
    make_agent: Callable[..., Agent], static_key: StaticKey, refresh: str, **options: str
) -> Agent:
    agent = make_agent(refresh=f'"{refresh}"', **options)
    set_path(agent, static_key.engine.path, static_key.path)
    return agent


def set_path(agent: Agent, old: str, new: str) -> None:
    text = agent.config.read_text()
    agent.config.write_text(text.replace(f'path = "{old}"', f'path = "{new}"'))


def unleased(key: dict[str, Any]) -> bool:
    return key["not_after"] is key["expires_in"] is key["api_key_id"] is None and not key["stale"]


def test_a_static_key_is_read_again(
    static_key: StaticKey, make_agent: Callable[..., Agent]
) -> None:
    agent = make(make_agent, static_key, "1s")
    agent.start()
    first = agent.wait_for_key()
    assert (first["key"], unleased(first)) == (static_key.key, True)
    static_key.put()
    second = agent.wait_for_key(other_than=first["tag"])
    assert (second["key"], second["generation"]) == (static_key.key, 2)
    assert agent.key_file.read_text() == static_key.key
    status = agent.status()
    assert (status["state"], status["leases"], status["last_fault"]) == ("fresh", 0, None)
    assert len(agent.told("key.fetched", 2)) == 2, "a read without news is not on record"


@pytest.mark.parametrize("static_key", [1], indirect=True)
def test_restarts_go_on_with_it(static_key: StaticKey, make_agent: Callable[..., Agent]) -> None:
    agent = make(make_agent, static_key, "5m", on_stop='"revoke"')
    done = agent.command("once")
    assert (done.returncode, agent.key_file.read_text()) == (0, static_key.key), done.stderr
    for _ in range(2):
        agent.start()
        assert agent.wait_for_key()["generation"] == 1
        agent.end(signal.SIGKILL)
    assert len(agent.logged("key.mint_intended")) == 0, "it is not read before that is due"
    agent.start()
    tag = agent.wait_for_key()["tag"]
    static_key.put()
    agent.post("/v1/keys/billing/rotate")
    assert agent.wait_for_key(other_than=tag)["key"] == static_key.key
    assert agent.end() == 0
    assert not agent.key_file.exists()
    assert static_key.engine.works(static_key.key), "there is nothing to revoke"
    assert not agent.logged("lease.revoked")


@pytest.mark.parametrize("static_key", [2], indirect=True)
def test_rotate_says_when_the_path_has_no_other_key(
    static_key: StaticKey, make_agent: Callable[..., Agent]
) -> None:
    agent = make(make_agent, static_key, "5m")
    agent.start()
    tag = agent.wait_for_key()["tag"]
    done = agent.command("rotate", "billing", "--timeout", "2s")
    why = "this is a static key: put another one at its path in Vault"
    told = f"freshkey: billing: no other key than {tag} within 2s: {why}\n"
    assert (done.returncode, done.stderr) == (1, told)
    static_key.put()
    assert agent.command("rotate", "billing").stdout.startswith(f"billing: {tag} -> 2-")


@pytest.mark.parametrize("static_key", [2], indirect=True)
def test_a_readers_report(static_key: StaticKey, make_agent: Callable[..., Agent]) -> None:
    agent = make(make_agent, static_key, "5m")
    agent.start()
    first = agent.wait_for_key()
    static_key.engine.openai.delete_account(static_key.account)
    static_key.put()
    assert agent.post("/v1/keys/billing/rejected", tag=first["tag"]) == 202
    assert agent.wait_for_key(other_than=first["tag"])["key"] == static_key.key


@pytest.mark.parametrize("static_key", [2], indirect=True)
def test_a_key_that_is_no_more(static_key: StaticKey, make_agent: Callable[..., Agent]) -> None:
    agent = make(make_agent, static_key, "1s")
    agent.start()
    agent.wait_for_key()
    static_key.end()
    eventually(lambda: not agent.key_file.exists(), "a key that is gone everywhere is withdrawn")
    fault = agent.status()["last_fault"]
    assert (fault["operation"], fault["fault"]) in {("refresh", "not_found"), ("mint", "not_found")}
    assert "its version 1 was deleted at" in fault["message"]
    static_key.put()
    agent.post("/v1/keys/billing/rotate")
    assert agent.wait_for_key()["generation"] == 2
    assert agent.key_file.read_text() == static_key.key


def test_the_switch_to_the_engine(static_key: StaticKey, make_agent: Callable[..., Agent]) -> None:
    """One line is changed; whoever reads the file or the socket has a key that works, always."""
    agent = make(make_agent, static_key, "5m")
    agent.start()
    first = agent.wait_for_key()
    assert agent.end() == 0
    set_path(agent, static_key.path, static_key.engine.path)
    static_key.engine.openai.configure(delay_before={"service_account.create": 1.0})
    agent.start()
    seen: list[dict[str, Any]] = []
    while not seen or seen[-1]["tag"] == first["tag"]:
        seen.append(agent.wait_for_key())
        assert static_key.engine.works(seen[-1]["key"])
        assert static_key.engine.works(agent.key_file.read_text())
    assert len(seen) > 1, "the old one was served until the new one was there"
    second = seen[-1]
    assert (second["generation"], unleased(second)) == (2, False)
    assert second["api_key_id"].startswith("key_")
    assert agent.key_file.read_text() == second["key"]
    assert agent.told("key.published", 2)[1]["reason"] == "changed"
    assert not agent.logged("lease.revoked")
    assert not agent.logged("key.withdrawn")
    assert static_key.engine.works(static_key.key), "it is the team's to end"
