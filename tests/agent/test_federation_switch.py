"""A team goes from KV to the plugin to federation by an edit each; no reader notices."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import eventually
from tests.agent.reconfiguring import change, reload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.agent.federation import Federation
    from tests.agent.harness import Agent, Engine


@pytest.fixture
def kv_path(engine: Engine) -> Iterator[str]:
    """A key that a person made at OpenAI and put into KV."""
    mount = f"{engine.mount}-kv"
    engine.vault.enable_kv(mount, 2)
    _, key = engine.openai.create_key(engine.project_id)
    engine.vault.request("POST", f"{mount}/data/billing", {"data": {"api_key": key}})
    yield f"{mount}/data/billing"
    engine.vault.request("DELETE", f"sys/mounts/{mount}")


@pytest.fixture
def reloadable(federation: Federation, kv_path: str, make_agent: Callable[..., Agent]) -> Agent:
    """In place of the usual one: an agent that has published the key of KV."""
    agent = make_agent(extra='[log]\naudit_file = "audit"', overlap='"1s"')
    change(agent, f'path = "{federation.engine.path}"', f'path = "{kv_path}"')
    agent.start()
    agent.wait_for_key()
    return agent


@pytest.mark.usefixtures("poller")
def test_from_kv_to_the_plugin_to_federation(
    reloadable: Agent, federation: Federation, engine: Engine, kv_path: str, tmpfs_path: Path
) -> None:
    """And on to a projected token, and to no Vault at all, and back to the plugin."""
    first = reloadable.key() or {}
    accounts = engine.counts()["mints"]  # a person's two
    change(reloadable, f'path = "{kv_path}"', f'path = "{engine.path}"')
    reload(reloadable)
    second = reloadable.wait_for_key(other_than=first["tag"])
    assert engine.counts()["mints"] == accounts + 1
    with_plugin = reloadable.config.read_text()

    federation.edit(reloadable)
    reload(reloadable)
    third = reloadable.wait_for_key(other_than=second["tag"])
    eventually(lambda: engine.counts()["live"] == accounts, "the plugin's key ends")
    assert engine.counts()["mints"] == accounts + 1

    (tmpfs_path / "identity").write_text(identity(engine))
    as_file = {"vault_oidc_role": "", "subject": '"file"', "subject_token_file": '"identity"'}
    federation.edit(reloadable, **as_file)
    reload(reloadable)
    fourth = reloadable.wait_for_key(other_than=third["tag"])
    eventually(lambda: reloadable.logged("token.revoked"), "no key needs Vault any more")

    without_vault = reloadable.config.read_text()
    begin, end = without_vault.index("[vault]"), without_vault.index("[state]")
    change(reloadable, without_vault[begin:end], "")
    reload(reloadable)
    assert (reloadable.key() or {})["tag"] == fourth["tag"]
    status = json.loads(reloadable.get("/v1/status")[2])
    assert status["vault"] == {"address": None, "fault": None}
    assert status["token"] == {"accessor": None, "expires_in": None}
    logins = len(reloadable.logged("token.logged_in"))

    change(reloadable, reloadable.config.read_text(), with_plugin)
    reload(reloadable)
    fifth = reloadable.wait_for_key(other_than=fourth["tag"])
    assert fifth["generation"] == first["generation"] + 4
    assert len(reloadable.logged("token.logged_in")) == logins + 1
    reasons = [one["reason"] for one in published(reloadable)]
    assert reasons == ["first", *["changed"] * 4]
    assert not reloadable.logged("key.withdrawn")


def published(agent: Agent) -> list[dict[str, str]]:
    lines = (agent.directory / "audit").read_text().splitlines()
    return [one for one in map(json.loads, lines) if one["event"] == "key.published"]


def identity(engine: Engine) -> str:
    """An identity token of the agent's entity, as something else would project it."""
    fields = {"role_id": engine.role_id, "secret_id": engine.secret_id}
    login = engine.vault.request("POST", f"auth/{engine.mount}/login", fields)
    path = f"identity/oidc/token/{engine.mount}"
    answer = engine.vault.request("GET", path, token=login["auth"]["client_token"])
    return str(answer["data"]["token"])


@pytest.mark.usefixtures("poller")
def test_vault_stays_until_its_leases_are_revoked(
    reloadable: Agent, federation: Federation, engine: Engine, kv_path: str, tmpfs_path: Path
) -> None:
    first = reloadable.key() or {}
    change(reloadable, 'overlap = "1s"', 'overlap = "1m"')
    change(reloadable, f'path = "{kv_path}"', f'path = "{engine.path}"')
    reload(reloadable)
    second = reloadable.wait_for_key(other_than=first["tag"])
    (tmpfs_path / "identity").write_text(identity(engine))
    as_file = {"vault_oidc_role": "", "subject": '"file"', "subject_token_file": '"identity"'}
    federation.edit(reloadable, **as_file)
    text = reloadable.config.read_text()
    begin, end = text.index("[vault]"), text.index("[state]")
    change(reloadable, text[begin:end], "")
    told = reload(reloadable, "reload.refused")
    assert told["message"].startswith("vault.address: is missing, and leases that came from there")
    assert (reloadable.key() or {})["tag"] == second["tag"]


def test_a_projected_token_without_vault(
    federation: Federation, engine: Engine, make_agent: Callable[..., Agent], tmpfs_path: Path
) -> None:
    """What the file holds is read anew at each exchange; its faults are told by name."""
    agent = make_agent()
    as_file = {"vault_oidc_role": "", "subject": '"file"', "subject_token_file": '"identity"'}
    federation.edit(agent, **as_file)
    text = agent.config.read_text()
    change(agent, text[text.index("[vault]") : text.index("[state]")], "")
    agent.start()
    fault = eventually(lambda: fault_of(agent), "there is no file yet")
    assert fault["fault"] == "bad_request"
    assert fault["message"].startswith("keys.billing.federation.subject_token_file ")
    (tmpfs_path / "identity").write_text("nonsense")
    agent.post("/v1/keys/billing/rotate")
    eventually(lambda: "holds no JWT" in (fault_of(agent) or {"message": ""})["message"], "told")
    (tmpfs_path / "identity").write_text(f"{identity(engine)}\n")
    agent.post("/v1/keys/billing/rotate")
    key = agent.wait_for_key()
    assert engine.works(key["key"])
    assert not agent.logged("token.logged_in")
    assert agent.end() == 0
    agent.start()
    assert agent.wait_for_key()["tag"] == key["tag"]
    time.sleep(0.1)
    assert federation.account.exchanges() == 1
    log = (agent.directory / "log").read_text()
    assert key["key"] not in log
    assert identity(engine).rpartition(".")[0] not in log


def fault_of(agent: Agent) -> dict[str, str] | None:
    try:
        fault: dict[str, str] | None = agent.status()["last_fault"]
    except OSError:  # it does not listen yet
        return None
    return fault
