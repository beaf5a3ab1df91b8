"""Behaviour 15, with the real Vault as the provider of identities."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.agent.federation import Federation
from tests.agent.harness import eventually
from tests.agent.reconfiguring import change, reload

if TYPE_CHECKING:
    from pathlib import Path

    from tests.agent.harness import Agent, Engine


def test_a_key_by_federation(federated: Agent, federation: Federation, engine: Engine) -> None:
    federated.start()
    key = federated.wait_for_key()
    assert engine.works(key["key"])
    assert federated.key_file.read_text() == key["key"]
    assert 3500 < key["expires_in"] <= 3600
    assert key["api_key_id"] is None
    status = federated.status()
    assert (status["state"], status["leases"], status["last_fault"]) == ("fresh", 1, None)
    (record,) = federated.told("key.exchanged")
    assert record["service_account"] == federation.account.account_id
    assert record["lease_id"] is None
    assert record["request_id"], "Vault's audit log has the request for the identity token"
    assert not federated.logged("key.mint_intended")
    assert engine.counts()["mints"] == 1, "the account itself, and nothing more"
    metrics = federated.get("/metrics")[2].decode()
    assert 'freshkey_mints_total{key="billing",outcome="ok"} 1.0' in metrics
    assert 'freshkey_vault_request_seconds_count{operation="read_identity"} 1.0' in metrics


def test_nothing_secret_is_logged(federated: Agent, tmpfs_path: Path) -> None:
    change(federated, "[log]", '[log]\nlevel = "debug"')
    federated.start()
    first = federated.wait_for_key()
    federated.post("/v1/keys/billing/rotate")
    second = federated.wait_for_key(other_than=first["tag"])
    assert federated.end() == 0
    written = (tmpfs_path / "log").read_text() + (tmpfs_path / "audit").read_text()
    assert written.count("key.exchanged") == 2 * 2, "in log and record"
    for secret in (first["key"], second["key"], "eyJ"):
        assert secret not in written


def test_restarts_go_on_with_the_token(federated: Agent, federation: Federation) -> None:
    done = federated.command("once")
    assert done.returncode == 0, done.stderr
    tags = set()
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        federated.start()
        tags.add(federated.wait_for_key()["tag"])
        federated.end(number)
    assert (len(tags), federation.account.exchanges()) == (1, 1)


def test_a_new_token_comes_while_the_old_one_lives(
    federated: Agent, federation: Federation, engine: Engine
) -> None:
    engine.openai.configure(access_token_lifetime=14)
    change(federated, 'activation_timeout = "5s"', 'activation_timeout = "1s"')
    federated.start()
    first = federated.wait_for_key()
    second = federated.wait_for_key(other_than=first["tag"])
    assert engine.works(first["key"])
    assert engine.works(second["key"])
    (left,) = eventually(lambda: federated.logged("lease.left"), "the old one is told of")
    assert (left["tag"], left["level"]) == (first["tag"], "info")
    assert federation.account.exchanges() == 2


def test_rotate_compromised_tells_what_can_not_be_revoked(
    federated: Agent, federation: Federation, engine: Engine
) -> None:
    federated.start()
    first = federated.wait_for_key()
    done = federated.command("rotate", "billing", "--compromised")
    assert done.returncode == 0, done.stderr
    second = federated.key() or {}
    arrow, advice = done.stdout.splitlines()
    assert arrow == f"billing: {first['tag']} -> {second['tag']}"
    assert f"{first['tag']} lives until {first['not_after'][:16]}" in advice
    assert "disable its federation rule" in advice
    assert federation.account.account_id in advice
    assert engine.works(first["key"])
    (left,) = federated.told("lease.left")
    assert left["level"] == "warning"
    done = federated.command("rotate", "billing")
    assert len(done.stdout.splitlines()) == 1


def test_another_account_is_another_key(
    federated: Agent, federation: Federation, engine: Engine
) -> None:
    federated.start()
    first = federated.wait_for_key()
    other = Federation.of(engine)
    other.edit(federated)
    reload(federated)
    second = federated.wait_for_key(other_than=first["tag"])
    assert engine.works(second["key"])
    (published,) = federated.told("key.published", 2)[1:]
    assert (published["reason"], published["service_account"]) == (
        "changed",
        other.account.account_id,
    )
    assert federation.account.account_id != other.account.account_id
