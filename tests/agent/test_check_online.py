"""`freshkey check --online` with a real Vault: what it finds, and what it leaves as it was."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING

import pytest
from freshkey.outputs import swapping
from freshkey.preflight.online.machine import machine_results
from freshkey.preflight.online.report import Outcome
from freshkey.settings import load

from tests.agent.checking import checked
from tests.agent.reconfiguring import change
from tests.vault.servers import ScriptedServer, answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Agent, Engine


def test_a_table(agent: Agent, engine: Engine, given: Callable[[], dict[str, str]]) -> None:
    done = agent.command("check", "--online")
    assert given()
    assert not any(secret in done.stdout + done.stderr for secret in given().values())
    assert (done.returncode, done.stderr) == (0, "")
    *lines, empty, last = done.stdout.splitlines()
    assert (empty, last) == ("", "no faults, no warnings")
    assert all(line.startswith("✓ ") for line in lines)
    assert {line.split()[1] for line in lines} >= {
        "auth",
        "keys.billing.files[0].path",
        "keys.billing.path",
        "keys.billing.verify.base_url",
        "server.socket",
        "state.directory",
        "vault.address",
        "vault.max_mints_per_minute",
    }
    assert len(engine.tokens()) == 0
    assert not (agent.directory / "state").exists()
    assert not (agent.directory / "keys").exists()


def test_a_terminal_that_has_no_marks(agent: Agent) -> None:
    agent.environment["PYTHONIOENCODING"] = "ascii"
    done = agent.command("check", "--online")
    assert done.stdout.startswith("ok ")
    assert done.stdout.isascii()


def test_faults_of_the_configuration_come_first(agent: Agent) -> None:
    change(agent, "[state]", '[state]\ncolour = "red"')
    done = agent.command("check", "--online", "--json")
    assert done.returncode == 2
    report = json.loads(done.stdout)
    (fault,) = report["faults"]
    assert fault["path"] == "state.colour"
    assert report == {"ok": False, "faults": [fault], "warnings": []}
    offline = json.loads(agent.command("check", "--json").stdout)
    assert offline == {"ok": False, "faults": [fault], "warnings": []}


def test_nobody_at_the_address(agent: Agent, engine: Engine) -> None:
    change(agent, engine.vault.address, "http://127.0.0.1:1")
    found = checked(agent, 1)
    assert found["faults"].keys() == {"vault.address"}
    assert "connection refused" in found["faults"]["vault.address"]
    assert found["warnings"]["auth"] == "not tried, because no address of Vault can be used"


def test_one_address_of_several_is_away(agent: Agent) -> None:
    change(agent, "[vault]", '[vault]\naddresses = ["http://127.0.0.1:1"]')
    found = checked(agent, 0)
    assert found["warnings"].keys() == {"vault.address"}


def test_no_tls(agent: Agent, engine: Engine) -> None:
    change(agent, engine.vault.address, engine.vault.address.replace("http:", "https:"))
    assert "TLS" in checked(agent, 1)["faults"]["vault.address"]


def test_what_will_hurt_later(agent: Agent, engine: Engine) -> None:
    engine.vault.request(
        "POST",
        f"auth/{engine.mount}/role/agent",
        {"token_ttl": "90s", "token_no_default_policy": False},
    )
    change(agent, "[keys.billing]", '[keys.billing]\nttl = "2m"\noverlap = "1m"')
    change(agent, engine.openai.base_url, "http://127.0.0.1:1/v1")
    found = checked(agent, 0)
    assert found["warnings"].keys() == {
        "keys.billing.ttl",
        "keys.billing.overlap",
        "keys.billing.verify.mode",
        "vault.max_mints_per_minute",
    }
    assert "the token's 1m30s are less than the lease's 2m" in found["warnings"]["keys.billing.ttl"]
    change(agent, "[keys.billing.verify]", '[keys.billing.verify]\nmode = "require"')
    faults = checked(agent, 1)["faults"]
    assert faults.keys() == {"keys.billing.verify.base_url"}


def test_swap_is_told(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swapping, "swap_in_reach", lambda: ("/dev/sda2",))
    results = machine_results(load(agent.config, {}))
    (found,) = (result for result in results if result.outcome is Outcome.WARNING)
    assert found.place == "state.directory"
    assert "can be written to swap (/dev/sda2)" in found.message


@pytest.mark.parametrize("found", [0, 4_000_001])
def test_root_looks_at_somebody_elses_directory(agent: Agent, found: int) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    state = agent.directory / "state"
    state.mkdir(mode=0o700)
    os.chown(state, found, -1)
    assert ("state.directory" in checked(agent, 0)["warnings"]) == (found != 0)


def test_a_state_directory_that_is_open_to_others(agent: Agent) -> None:
    state = agent.directory / "state"
    state.mkdir()
    state.chmod(0o755)
    assert "is open to others" in checked(agent, 1)["faults"]["state.directory"]


def test_something_in_the_sockets_place(agent: Agent) -> None:
    (agent.directory / "freshkey.sock").write_text("")
    assert "is not a socket" in checked(agent, 1)["faults"]["server.socket"]


def test_a_socket_on_which_a_other_listens(agent: Agent) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(os.fspath(agent.directory / "freshkey.sock"))
        assert not checked(agent, 0)["warnings"], "it was left by a dead process"
        other.listen()
        assert "somebody listens on" in checked(agent, 0)["warnings"]["server.socket"]


@pytest.mark.parametrize("version", [1, 2])
def test_a_static_key_needs_nothing_but_a_read(agent: Agent, engine: Engine, version: int) -> None:
    mount = f"{engine.mount}-kv"
    engine.vault.enable_kv(mount, version)
    path = f"{mount}/data/billing" if version == 2 else f"{mount}/billing"
    engine.vault.write_policy(engine.mount, f'path "{path}" {{ capabilities = ["read"] }}')
    change(agent, engine.path, path)
    assert checked(agent, 0)["warnings"] == {}
    done = agent.command("check", "--online")
    assert "a secret without a lease, read again every 5m" in done.stdout
    assert "revo" not in done.stdout.replace("revoke-self", "")
    assert "no key has leases" in done.stdout
    if version == 2:
        engine.vault.write_policy(engine.mount, f'path "{mount}/*" {{ capabilities = ["read"] }}')
        change(agent, f"{mount}/data/", f"{mount}/")
        fault = checked(agent, 1)["faults"]["keys.billing.path"]
        assert fault.startswith(f"{mount}/ is KV version 2, ")
        assert fault.endswith(f": write {mount}/data/billing")
    engine.vault.request("DELETE", f"sys/mounts/{mount}")


def test_a_path_where_no_engine_is(agent: Agent, engine: Engine) -> None:
    engine.vault.write_policy(engine.mount, 'path "*" { capabilities = ["read", "update"] }')
    change(agent, engine.path, "nowhere/creds/billing")
    assert "is the path right?" in checked(agent, 0)["warnings"]["keys.billing.path"]


def test_a_static_key_that_may_not_be_read(agent: Agent, engine: Engine) -> None:
    """Vault does not tell such a token that there is an engine."""
    mount = f"{engine.mount}-kv"
    engine.vault.enable_kv(mount, 1)
    change(agent, engine.path, f"{mount}/billing")
    found = checked(agent, 1)
    assert found["warnings"] == {}
    assert found["faults"].keys() == {"keys.billing.path"}
    assert f"`read` on {mount}/billing" in found["faults"]["keys.billing.path"]
    engine.vault.request("DELETE", f"sys/mounts/{mount}")


@pytest.mark.parametrize(("mode", "warned"), [("require", True), ("prefer", False)])
def test_an_answer_that_openai_would_not_give(
    agent: Agent, engine: Engine, mode: str, *, warned: bool
) -> None:
    change(agent, "[keys.billing.verify]", f'[keys.billing.verify]\nmode = "{mode}"')
    assert checked(agent, 0)["warnings"] == {}
    with ScriptedServer(answer(404)) as server:
        change(agent, engine.openai.base_url, f"http://127.0.0.1:{server.port}/v1")
        warnings = checked(agent, 0)["warnings"]
    assert warnings.keys() == ({"keys.billing.verify.base_url"} if warned else set())
    assert not warned or "answers 404" in warnings["keys.billing.verify.base_url"]
