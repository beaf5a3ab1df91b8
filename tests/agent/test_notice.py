"""Behaviour 4 against the real Vault: how long a reader of the file holds a key that is dead."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Agent, Engine

BOUND = 7.0  # seconds, with checks and probes every 5 s
REPORTED = 2.0
STALL = 2.0  # seconds that other work on this machine may take of them
PROBING = "[keys.billing.verify]\nprobe_every = "


def until_it_works(agent: Agent, engine: Engine, act: Callable[[], object]) -> float:
    """Return the seconds from `act` until the file has another key, which works."""
    before = agent.key_file.read_text()
    since = time.monotonic()
    act()

    def works() -> bool:
        key = agent.key_file.read_text()
        return key != before and engine.works(key)

    eventually(works, "a working key in the file", 2 * BOUND)
    took = time.monotonic() - since
    print(f"a working key in the file after {took:.2f} s")
    return took


def started(make_agent: Callable[..., Agent], probe_every: str, **options: str) -> Agent:
    agent = make_agent(**options)
    text = agent.config.read_text()
    agent.config.write_text(text.replace("[keys.billing.verify]", f'{PROBING}"{probe_every}"'))
    agent.start()
    agent.wait_for_key()
    return agent


def test_a_lease_revoked_out_of_band(engine: Engine, make_agent: Callable[..., Agent]) -> None:
    agent = started(make_agent, "0s", check_every='"5s"')
    revoke = f"sys/leases/revoke-prefix/{engine.path}"
    took = until_it_works(agent, engine, lambda: engine.vault.request("PUT", revoke))
    assert took <= BOUND + STALL
    assert engine.counts()["mints"] == 2


def test_an_account_deleted_at_openai(engine: Engine, make_agent: Callable[..., Agent]) -> None:
    agent = started(make_agent, "5s", check_every='"0s"')
    assert until_it_works(agent, engine, engine.delete_account) <= BOUND + STALL
    assert engine.counts()["mints"] == 2


def test_all_tokens_of_the_role_revoked(engine: Engine, make_agent: Callable[..., Agent]) -> None:
    agent = started(make_agent, "0s", check_every='"5s"')
    revoke = f"sys/leases/revoke-prefix/auth/{engine.mount}/login"
    took = until_it_works(agent, engine, lambda: engine.vault.request("PUT", revoke))
    assert took <= BOUND + STALL
    assert len(agent.told("token.logged_in", 2)) == 2
    assert engine.counts()["mints"] == 2


@pytest.mark.parametrize("verify", ["prefer", "off"])
def test_a_readers_report(engine: Engine, make_agent: Callable[..., Agent], verify: str) -> None:
    agent = make_agent(check_every='"0s"')
    text = agent.config.read_text()
    mode = f'[keys.billing.verify]\nmode = "{verify}"\nprobe_every = "0s"'
    agent.config.write_text(text.replace("[keys.billing.verify]", mode))
    agent.start()
    tag = agent.wait_for_key()["tag"]

    def refused() -> None:
        if verify == "off":  # then the lease is looked up
            engine.vault.request("PUT", f"sys/leases/revoke-prefix/{engine.path}")
        else:
            engine.delete_account()
        assert agent.post("/v1/keys/billing/rejected", tag=tag) == 202

    assert until_it_works(agent, engine, refused) <= REPORTED + STALL
    assert agent.post("/v1/keys/billing/rejected", tag=tag) == 409
    assert agent.told("key.published", 2)[1]["reason"] in {"reported", "revoked"}


def test_a_false_report_costs_a_test_and_no_mint(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    agent = started(make_agent, "0s", check_every='"0s"')
    tag = agent.status()["tag"]
    tests = len(agent.logged("key.tested"))
    for _ in range(50):
        assert agent.post("/v1/keys/billing/rejected", tag=tag) == 202
    eventually(lambda: len(agent.logged("key.tested")) > tests, "the key is tested")
    for _ in range(50):
        agent.post("/v1/keys/billing/rejected", tag=tag)
    assert len(agent.logged("key.tested")) == tests + 1, "once in 5 s"
    assert agent.status()["tag"] == tag
    assert engine.counts()["mints"] == 1
