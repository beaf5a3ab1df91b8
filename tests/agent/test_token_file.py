"""Method token: its file is replaced while the agent runs, its variable between two starts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.agent.harness import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Agent, Engine


def make_token(engine: Engine) -> tuple[str, str]:
    """Make a token that is allowed what the agent needs; return it and its accessor."""
    asked = {"policies": [engine.mount], "ttl": "1h"}
    made = engine.vault.request("POST", "auth/token/create", asked)["auth"]
    return made["client_token"], made["accessor"]


def lives(engine: Engine, accessor: str) -> bool:
    accessors = engine.vault.request("LIST", "auth/token/accessors")["data"]["keys"]
    return accessor in accessors


def test_a_key_moves_to_the_token_that_the_file_holds_now(
    make_agent: Callable[..., Agent], engine: Engine
) -> None:
    agent = make_agent(overlap='"1s"')
    table = re.compile(r"\[auth\].*?(?=\n\[)", re.DOTALL)
    login = '[auth]\nmethod = "token"\ntoken_file = "token"'
    agent.config.write_text(table.sub(login, agent.config.read_text()))
    file = agent.directory / "token"
    (first, old), (second, new) = make_token(engine), make_token(engine)
    file.write_text(f"{first}\n")
    agent.start()
    key = agent.wait_for_key()
    assert agent.status()["token"]["accessor"] == old

    (agent.directory / "token.new").write_text(f"{second}\n")
    (agent.directory / "token.new").rename(file)
    successor = agent.wait_for_key(other_than=key["tag"])  # no wait but the watch's few seconds
    assert agent.status()["token"]["accessor"] == new
    assert lives(engine, old)
    eventually(lambda: not engine.works(key["key"]), "the end of the old key")
    assert engine.works(successor["key"])

    # Its owner ends it: nothing hangs on it any more.
    engine.vault.request("POST", "auth/token/revoke-accessor", {"accessor": old})
    assert agent.end() == 0
    assert engine.works(successor["key"])
    assert lives(engine, new)
    text = (agent.directory / "log").read_text()
    assert first not in text
    assert second not in text


def test_a_key_moves_to_the_token_that_the_variable_holds_at_the_next_start(
    make_agent: Callable[..., Agent], engine: Engine
) -> None:
    agent = make_agent()
    table = re.compile(r"\[auth\].*?(?=\n\[)", re.DOTALL)
    agent.config.write_text(table.sub('[auth]\nmethod = "token"', agent.config.read_text()))
    (first, old), (second, new) = make_token(engine), make_token(engine)
    agent.environment["VAULT_TOKEN"] = first
    agent.start()
    key = agent.wait_for_key()
    agent.end()
    agent.start()
    assert agent.wait_for_key()["tag"] == key["tag"], "the same token: the journal goes on"
    assert agent.status()["token"]["accessor"] == old
    agent.end()

    agent.environment["VAULT_TOKEN"] = second
    agent.start()
    agent.wait_for_key(other_than=key["tag"])
    assert agent.status()["token"]["accessor"] == new
    assert agent.end() == 0
    assert lives(engine, old), "it is its owner's to revoke"
