from __future__ import annotations

import signal
import time
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

from tests.agent.harness import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Agent, Engine


def test_key_is_replaced_before_it_ends(engine: Engine, make_agent: Callable[..., Agent]) -> None:
    engine.set_ttl("8s")
    agent = make_agent(overlap='"1s"')
    agent.start()
    first = agent.wait_for_key()
    second = agent.wait_for_key(other_than=first["tag"])
    assert second["expires_in"] > 0
    assert agent.key_file.read_text() == second["key"]
    eventually(lambda: engine.counts()["live"] == 1, "the first lease is revoked")
    counts = engine.counts()
    assert (counts["mints"], counts["high_water"]) == (2, 2)


def test_no_reader_ever_holds_a_key_that_is_not_active_yet(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    engine.openai.configure(activation_delay=3.0)
    agent = make_agent()
    seen: set[str] = set()

    def two_keys_that_worked_at_once() -> bool:
        with suppress(FileNotFoundError):
            key = agent.key_file.read_text()
            if key not in seen:
                assert engine.works(key), "a reader holds a key that does not work yet"
                if not seen:
                    assert agent.post("/v1/keys/billing/rotate") == HTTPStatus.ACCEPTED
                seen.add(key)
        return len(seen) == 2

    started = time.monotonic()
    agent.start()
    eventually(two_keys_that_worked_at_once, "two keys, one after the other")
    assert time.monotonic() - started >= 6.0

    def verdicts() -> list[str]:
        return [line["verdict"] for line in agent.logged("key.tested")]

    eventually(lambda: verdicts()[-1] == "good", "the log, which comes after the file, tells of it")
    assert verdicts().count("refused") >= 2


def test_lease_revoked_out_of_band_is_replaced(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    agent = make_agent(check_every='"1s"')
    agent.start()
    first = agent.wait_for_key()
    engine.vault.request("PUT", f"sys/leases/revoke-prefix/{engine.path}")
    second = agent.wait_for_key(other_than=first["tag"])
    assert engine.live_fingerprints() == {second["tag"].split("-")[1]}


def test_sigterm_waits_for_a_mint(engine: Engine, make_agent: Callable[..., Agent]) -> None:
    engine.openai.configure(delay_before={"service_account.create": 1.5})
    agent = make_agent()
    agent.start()
    eventually(lambda: agent.logged("key.mint_intended"), "the mint is under way")
    assert agent.end(signal.SIGTERM) == 0
    assert len(agent.told("key.minted")) == 1
    engine.openai.configure()
    agent.start()
    agent.wait_for_key()
    counts = engine.counts()
    assert (counts["live"], counts["mints"]) == (1, 1)


def test_socket_and_file_agree(engine: Engine, make_agent: Callable[..., Agent]) -> None:
    agent = make_agent()
    agent.start()
    key = agent.wait_for_key()
    status, headers, body = agent.get("/v1/keys/billing", Accept="text/plain")
    assert (status, body.decode()) == (200, key["key"])
    assert headers["ETag"] == f'"{key["tag"]}"'
    assert agent.get("/v1/keys/billing", **{"If-None-Match": headers["ETag"]})[0] == 304
    assert agent.get("/readyz")[0] == 200
    assert agent.get("/livez")[0] == 200
    assert key["api_key_id"].startswith("key_")
    assert engine.live_fingerprints() == {key["tag"].split("-")[1]}
