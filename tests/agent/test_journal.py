"""Behaviour 5 against the real Vault: journals that do not fit."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.outputs.codec import seal

from tests.agent.harness import eventually
from tests.agent.reconfiguring import change

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.agent.harness import Agent, Engine


def stopped(make_agent: Callable[..., Agent]) -> tuple[Agent, dict[str, Any]]:
    """An agent that was killed after it had a key, and what the key was."""
    agent = make_agent(overlap='"1s"')
    agent.start()
    key = agent.wait_for_key()
    agent.end(signal.SIGKILL)
    return agent, key


def edit(path: Path, **header: object) -> None:
    content = json.loads(path.read_text())
    held = {"header": content["header"] | header, "ledger": content["ledger"]}
    path.write_bytes(seal(json.dumps(held).encode()))


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def from_the_future(path: Path) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "version": content["version"] + 1}))


def flip_a_bit_of_the_key(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(b"sk-svcacct-") + 20] ^= 1
    path.write_bytes(content)


def garble(path: Path) -> None:
    path.write_bytes(b"\xff\x00" * 100)


def be_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


SPOILS = [truncate, empty, from_the_future, flip_a_bit_of_the_key, garble, be_a_directory]


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_journal_that_can_not_be_read_is_set_aside(
    engine: Engine, make_agent: Callable[..., Agent], spoil: Callable[[Path], None]
) -> None:
    agent, before = stopped(make_agent)
    spoil(agent.journal)
    agent.start()
    key = agent.wait_for_key()
    (aside,) = agent.logged("journal.set_aside")
    assert aside["moved_to"].endswith("journal.json.unreadable-1")
    assert before["key"] not in (agent.directory / "log").read_text()
    assert key["key"] != before["key"]
    assert key["generation"] == 1
    assert key["tag"] != before["tag"], "a tag is safe even then"
    assert engine.counts()["mints"] == 2


def test_a_journal_without_a_digest_is_gone_on_with(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    """An update of the agent loses no lease."""
    agent, before = stopped(make_agent)
    content = json.loads(agent.journal.read_text())
    held = {"header": content["header"], "ledger": content["ledger"]}
    agent.journal.write_text(json.dumps({"version": 2, **held}))
    agent.start()
    assert agent.wait_for_key()["tag"] == before["tag"]
    assert not agent.logged("journal.set_aside")
    eventually(lambda: b"sha256" in agent.journal.read_bytes(), "from now on it has a digest")
    assert engine.counts()["mints"] == 1


def test_a_journal_of_another_machine_is_a_copy(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    agent, before = stopped(make_agent)
    edit(agent.journal, machine_id="0" * 32, boot_id="1" * 32)
    agent.start()
    key = agent.wait_for_key()
    assert agent.told("journal.set_aside")[0]["reason"] == "it is of another machine"
    assert engine.works(before["key"]), "nothing in it is revoked"
    assert key["key"] != before["key"], "nor served"


def test_after_a_reboot_vault_is_asked_for_lifetimes(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    agent, before = stopped(make_agent)
    content = json.loads(agent.journal.read_text())
    if content["header"]["machine_id"] is None:
        pytest.skip("this machine has no machine-id, so no reboot can be told from a copy")
    edit(agent.journal, boot_id="1" * 32, wall=content["header"]["wall"] - 100)
    agent.start()
    assert agent.wait_for_key()["tag"] == before["tag"]
    eventually(lambda: agent.logged("lease.corrected"), "the end of the lease is known again")
    key = agent.key()
    assert key is not None
    assert abs(key["expires_in"] - before["expires_in"]) < 30
    assert engine.counts()["mints"] == 1


def test_a_journal_of_another_ttl_is_taken_over_in_order(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    agent, before = stopped(make_agent)
    text = agent.config.read_text()
    agent.config.write_text(text.replace("[keys.billing]", '[keys.billing]\nttl = "4m"'))
    agent.start()
    until_taken_over(agent, engine, before)


def test_a_journal_of_another_role_is_taken_over_in_order(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    agent, before = stopped(make_agent)
    role = f"auth/{engine.mount}/role/other"
    engine.vault.request("POST", role, {"token_policies": [engine.mount], "token_ttl": "1h"})
    role_id = engine.vault.request("GET", f"{role}/role-id")["data"]["role_id"]
    secret_id = engine.vault.request("POST", f"{role}/secret-id", {})["data"]["secret_id"]
    agent.config.write_text(agent.config.read_text().replace(engine.role_id, role_id))
    (agent.directory / "secret_id").write_text(secret_id)
    first = agent.logged("token.logged_in")[0]["accessor"]
    agent.start()
    until_taken_over(agent, engine, before)
    (revoked,) = eventually(lambda: agent.logged("token.revoked"), "the old token is revoked, too")
    assert revoked["accessor"] == first
    assert len(agent.told("token.logged_in", 2)) == 2


def until_taken_over(agent: Agent, engine: Engine, before: dict[str, Any]) -> None:
    """The key that was there goes after its successor's overlap."""
    key = agent.wait_for_key(other_than=before["tag"])
    assert key["generation"] == 2
    assert agent.told("key.published", 2)[1]["reason"] == "changed"
    eventually(
        lambda: engine.live_fingerprints() == {key["tag"].split("-")[1]},
        "the lease that matches nothing is revoked after the overlap",
    )
    assert key["key"] != before["key"]


def test_nodes_in_another_order_keep_the_key(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    here = engine.vault.address
    there = here.replace("127.0.0.1", "localhost")
    agent = make_agent()
    text = agent.config.read_text()

    def key_from(*addresses: str) -> dict[str, Any]:
        nodes = f"addresses = {json.dumps(addresses)}"
        agent.config.write_text(text.replace(f'address = "{here}"', nodes))
        agent.start()
        key = agent.wait_for_key()
        agent.end(signal.SIGKILL)
        return key

    before = key_from(here, there)
    assert key_from(there, here)["tag"] == before["tag"]
    assert key_from("http://localhost:1", here)["tag"] == before["tag"], "one node is enough"
    assert engine.counts()["mints"] == 1


def test_a_start_that_can_not_remove_a_journal_says_so(make_agent: Callable[..., Agent]) -> None:
    agent = make_agent()
    change(agent, 'directory = "state"', 'directory = "state"\npersist = false')
    agent.journal.mkdir(parents=True)
    agent.journal.parent.chmod(0o700)
    done = agent.command("run")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert f"freshkey: {agent.journal}: " in done.stderr.splitlines()[-1]
