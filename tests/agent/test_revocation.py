"""Behaviour 1 against the real Vault: a revocation is handed over, whatever is away meanwhile."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

from tests.agent.harness import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from testbed.toxiproxy import ToxiproxyServer
    from tests.agent.harness import Agent, Engine

RETRIED = 60.0  # Vault itself repeats a revocation after some 10 s, and again after more


def rotated(agent: Agent, *, compromised: bool = False) -> str:
    """Ask for another key, and return its tag."""
    tag = agent.wait_for_key()["tag"]
    assert agent.post("/v1/keys/billing/rotate", compromised=compromised) == 202
    return str(agent.wait_for_key(other_than=tag)["tag"])


def test_vault_takes_over_what_openai_refuses(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    agent = make_agent(overlap='"1s"')
    agent.start()
    agent.wait_for_key()
    engine.openai.configure(errors={"service_account.delete": "rate_limited"})
    tag = rotated(agent)
    (revoked,) = eventually(lambda: agent.logged("lease.revoked"), "it is handed over")
    assert revoked["api_key_id"].startswith("key_")
    assert revoked["tag"].startswith("1-")
    deletions = engine.openai.state()["answers"]
    assert engine.counts()["live"] == 2, "OpenAI has not done it"
    assert agent.status()["pending_revocations"] == 0, "it is Vault's now"
    assert deletions.get("service_account.delete", {}).get("200", 0) == 0
    engine.openai.configure()
    eventually(lambda: engine.counts()["live"] == 1, "Vault repeats it", RETRIED)
    assert engine.live_fingerprints() == {tag.split("-")[1]}


def test_a_revocation_waits_for_vault_over_a_restart(
    engine: Engine, make_agent: Callable[..., Agent], toxiproxy: ToxiproxyServer
) -> None:
    proxy = toxiproxy.proxy(engine.mount, engine.vault.address.removeprefix("http://"))
    agent = make_agent(address=f"http://{proxy.listen}", overlap='"2s"', check_every='"1s"')
    agent.start()
    tag = rotated(agent)
    proxy.cut()
    eventually(lambda: agent.status()["pending_revocations"] == 1, "it is pending")
    assert agent.status()["leases"] == 2
    (entry,) = json.loads(agent.journal.read_text())["ledger"]["keys"]
    assert len(entry["retired"]) == 1
    agent.end(signal.SIGKILL)
    agent.start()
    eventually(agent.key, "the key is served")
    assert agent.status()["pending_revocations"] == 1
    proxy.restore()
    eventually(lambda: engine.counts()["live"] == 1, "it is revoked")
    assert engine.live_fingerprints() == {tag.split("-")[1]}
    eventually(lambda: agent.status()["pending_revocations"] == 0, "nothing is pending")
    assert engine.counts()["mints"] == 2
    proxy.remove()


def test_a_compromised_key_gets_no_overlap(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    agent = make_agent(overlap='"1m"')
    agent.start()
    tag = rotated(agent, compromised=True)
    eventually(lambda: engine.live_fingerprints() == {tag.split("-")[1]}, "the old one is gone")


def test_now_withdraws_first(engine: Engine, make_agent: Callable[..., Agent]) -> None:
    agent = make_agent(overlap='"1m"')
    agent.start()
    agent.wait_for_key()
    engine.openai.configure(errors={"service_account.create": "rate_limited"})
    assert agent.post("/v1/keys/billing/rotate", compromised=True, now=True) == 202
    eventually(lambda: engine.counts()["live"] == 0, "the key is revoked, and none is there")
    assert not agent.key_file.exists()
    assert agent.status()["state"] == "withdrawn"
    status, headers, _ = agent.get("/v1/keys/billing")
    assert (status, "Retry-After" in headers) == (503, True)
