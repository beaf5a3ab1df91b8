"""No secret is in any place where it has no business: one walk through all of them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.agent.exposure import Exposure, request, status_of
from tests.agent.harness import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.agent.harness import Engine

# Every command has a line: a test compares them with what `freshkey --help` lists.
COMMANDS: Mapping[str, list[str]] = {
    "run": ["run", "--lock-memory", "--config", "CONFIG"],
    "once": ["once", "--timeout", "30s", "--config", "CONFIG"],
    "check": ["check", "--online", "--config", "CONFIG"],
    "policy": ["policy", "--setup", "--config", "CONFIG"],
    "status": ["status", "--json", "--config", "CONFIG"],
    "get": ["get", "billing", "--config", "CONFIG"],
    "watch": ["watch", "billing", "--config", "CONFIG"],
    "rotate": ["rotate", "billing", "--config", "CONFIG"],
    "exec": ["exec", "--config", "CONFIG", "--", "true"],
    "init": ["init", "--address", "https://v", "--path", "a/b", "--config", "CONFIG"],
    "report": ["report", "LOG"],
    "version": ["version"],
}
ENDLESS = {"watch"}

PATHS = ["/v1/keys", "/v1/status", "/livez", "/readyz", "/readyz/billing", "/metrics"]


def requests(tag: str, key: str) -> list[bytes]:
    """All that is asked of the socket, and answered without the key; some of it holds the key."""
    path = "/v1/keys/billing"
    return [
        *(request(method, asked) for asked in PATHS for method in ("GET", "HEAD", "DELETE")),
        *(request(method, path) for method in ("HEAD", "PUT", "POST")),
        *(request("GET", asked) for asked in ("/", "/v1/keys/unknown", f"/v1/keys/{key}")),
        request("GET", f"/{key}?{key}={key}"),
        request("GET", f"{path}?wait={key}"),
        request("GET", path, If_None_Match=f'"{tag}"'),
        request("GET", path, X_Filler=key * 200),
        request("POST", f"{path}/rejected", b'{"tag": "0-00000000"}'),
        request("POST", f"{path}/rejected", json.dumps({"tag": key}).encode()),
        request("POST", f"{path}/rejected", key.encode() * 50),
        request("POST", f"{path}/rotate", json.dumps({"compromised": key}).encode()),
        f"{key}\r\n\r\n".encode(),
        f"GET {key} HTTP/1.1\r\n{key}\r\n\r\n".encode(),
    ]


ANSWERED = {200, 304, 400, 404, 405, 413, 431}  # at least these are among the answers


def listed_commands() -> list[str]:
    text = subprocess.check_output([sys.executable, "-m", "freshkey", "--help"], text=True)
    return re.findall(r"^ {4}([a-z]+)\b", text, re.MULTILINE)


def test_every_command_has_a_line() -> None:
    assert {"run", "version"} <= {*listed_commands()} <= COMMANDS.keys()


@pytest.mark.parametrize("login", ["approle", "token"])
def test_no_secret_gets_out(
    engine: Engine,
    expose: Callable[..., Exposure],
    given: Callable[[], dict[str, str]],
    login: str,
) -> None:
    exposure = expose(login, check_every='"1s"', overlap='"1s"')
    agent = exposure.agent
    assert run_command(exposure, "once") == 0
    exposure.start()
    first = agent.wait_for_key()
    ask_everything(exposure, first)
    look_at_agent(exposure)
    for command in listed_commands():
        assert run_command(exposure, command) in {0, 1}, command  # 2: COMMANDS has it wrong

    published = agent.wait_for_key()
    # This error quotes the key that was sent.
    engine.openai.configure(errors={"service_account.create": "invalid_api_key"})
    engine.vault.request("PUT", f"sys/leases/revoke-prefix/{engine.path}")
    failed = eventually(lambda: agent.logged("key.replacement_failed"), "OpenAI's words are told")
    assert "Incorrect API key provided" in failed[0]["message"]
    ask_everything(exposure, published)
    engine.set_ttl("8s")
    engine.openai.configure()
    replaced = agent.wait_for_key(other_than=published["tag"])
    engine.set_ttl("5m")

    agent.end(signal.SIGKILL)
    exposure.start()
    rotated = agent.wait_for_key(other_than=replaced["tag"])
    look_at_agent(exposure)
    ask_everything(exposure, rotated)
    assert agent.end() == 0

    secrets = {"secret-id": engine.secret_id, **given()}
    if login == "token":
        secrets["VAULT_TOKEN"] = agent.environment["VAULT_TOKEN"]
    assert len([name for name in secrets if name.startswith("key ")]) >= 3
    assert any("token" in name.lower() for name in secrets)
    assert {"library.message", "key.read", "key.minted"} <= {line["event"] for line in agent.log()}
    assert exposure.leaks(secrets) == []


def run_command(exposure: Exposure, name: str) -> int:
    places = {
        "CONFIG": str(exposure.agent.config),
        "LOG": str(exposure.agent.directory / "log"),  # the record is in there, too
    }
    arguments = [places.get(word, word) for word in COMMANDS[name]]
    return exposure.command(*arguments, endless=name in ENDLESS)


def ask_everything(exposure: Exposure, key: Mapping[str, Any]) -> None:
    statuses = {status_of(exposure.ask(asked)) for asked in requests(key["tag"], key["key"])}
    assert statuses >= ANSWERED - (set() if exposure.agent.key() else {200, 304})


def look_at_agent(exposure: Exposure) -> None:
    assert exposure.agent.process is not None
    exposure.look_at(exposure.agent.process.pid)
