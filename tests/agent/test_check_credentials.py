"""`freshkey check --online` and credentials: it spends none, and leaves no token."""

from __future__ import annotations

import json
from http.client import HTTPConnection

from tests.agent.checking import checked
from tests.agent.harness import Agent, Engine, eventually
from tests.agent.reconfiguring import change


def wrapped(engine: Engine) -> str:
    connection = HTTPConnection(engine.vault.address.removeprefix("http://"))
    headers = {"X-Vault-Token": engine.vault.token, "X-Vault-Wrap-TTL": "60s"}
    connection.request("POST", f"/v1/auth/{engine.mount}/role/agent/secret-id", "{}", headers)
    token = json.loads(connection.getresponse().read())["wrap_info"]["token"]
    connection.close()
    return str(token)


def test_a_credential_that_vault_does_not_take(agent: Agent, engine: Engine) -> None:
    (agent.directory / "secret_id").write_text("5cf3a1de-0000-0000-0000-000000000000")
    done = agent.command("check", "--online")
    assert done.returncode == 1
    assert f"Vault refuses auth/{engine.mount}/login: invalid role or secret ID" in done.stdout
    assert "5cf3a1de" not in done.stdout + done.stderr


def test_a_wrapped_secret_id_stays_wrapped(agent: Agent, engine: Engine) -> None:
    change(agent, "secret_id_file", "secret_id_wrapped = true\nsecret_id_file")
    (agent.directory / "secret_id").write_text(wrapped(engine))
    found = checked(agent, 0)
    assert "would spend the credential" in found["warnings"]["auth"]
    agent.start()
    agent.wait_for_key()
    assert "auth" not in checked(agent, 0)["warnings"], "the agent's own token tells the rest"
    agent.end()


def test_a_wrapping_that_somebody_opened(agent: Agent, engine: Engine) -> None:
    change(agent, "secret_id_file", "secret_id_wrapped = true\nsecret_id_file")
    token = wrapped(engine)
    (agent.directory / "secret_id").write_text(token)
    engine.vault.request("POST", "sys/wrapping/unwrap", token=token)
    fault = checked(agent, 1)["faults"]["auth.secret_id_file"]
    assert fault.startswith("security event: ")


def test_a_secret_id_for_one_login(agent: Agent, engine: Engine) -> None:
    once = {"num_uses": 1}
    role = f"auth/{engine.mount}/role/agent/secret-id"
    secret_id = engine.vault.request("POST", role, once)["data"]["secret_id"]
    file = agent.directory / "secret_id"
    file.write_text(secret_id)
    change(agent, "secret_id_file", "remove_secret_id_file = true\nsecret_id_file")
    assert checked(agent, 0)["warnings"].keys() == {"auth"}
    agent.start()
    agent.wait_for_key()
    assert not file.exists()
    assert "auth" not in checked(agent, 0)["warnings"], "the agent's own token tells the rest"
    agent.end()


def test_a_secret_id_is_left_alone_while_the_agent_has_a_token(
    agent: Agent, engine: Engine
) -> None:
    role = f"auth/{engine.mount}/role/agent/secret-id"
    secret_id = engine.vault.request("POST", role, {"num_uses": 2})["data"]["secret_id"]
    (agent.directory / "secret_id").write_text(secret_id)
    assert "one use of the secret-id was spent" in agent.command("check", "--online").stdout
    agent.start()
    agent.wait_for_key()
    eventually(agent.journal.exists, "a journal")
    done = agent.command("check", "--online")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "no login was made" in done.stdout
    (agent.directory / "secret_id").unlink()
    assert checked(agent, 1)["faults"].keys() == {"auth.secret_id_file"}
    agent.end()


def test_a_running_agent_is_not_disturbed(agent: Agent, engine: Engine) -> None:
    agent.start()
    key = agent.wait_for_key()
    eventually(agent.journal.exists, "a journal")
    before = agent.journal.read_bytes()
    log = len(agent.log())
    done = agent.command("check", "--online")
    assert done.returncode == 0
    assert f"in use by the agent, process {agent.process and agent.process.pid}" in done.stdout
    assert "the agent listens" in done.stdout
    assert len(agent.log()) == log
    assert agent.journal.read_bytes() == before
    assert (agent.key() or {})["tag"] == key["tag"]
    assert len(engine.tokens()) == 1
    assert agent.end() == 0


def test_a_token_of_somebody_else_is_left_alone(agent: Agent, engine: Engine) -> None:
    fields = {"policies": [engine.mount], "period": "1h"}
    token = engine.vault.request("POST", "auth/token/create", fields)["auth"]["client_token"]
    head, _, rest = agent.config.read_text().partition("[auth]")
    rest = rest[rest.index("[state]") :]
    agent.config.write_text(f'{head}[auth]\nmethod = "token"\ntoken_file = "token"\n{rest}')
    (agent.directory / "token").write_text(token)
    (agent.directory / "token").chmod(0o600)
    assert checked(agent, 0) == {"faults": {}, "warnings": {}}
    assert engine.vault.request("GET", "auth/token/lookup-self", token=token)["data"]["ttl"] > 0


def test_a_batch_token(agent: Agent, engine: Engine) -> None:
    role = {"token_type": "batch", "token_ttl": "20m"}
    engine.vault.request("POST", f"auth/{engine.mount}/role/agent", role)
    done = agent.command("check", "--online")
    assert done.returncode == 0
    assert "the batch token of this check can't be revoked, and ends in 20m" in done.stdout
