"""Method userpass, by a whole agent: a password that nothing but the login sees."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Agent, Engine


def test_a_password_is_used_once_and_shown_nowhere(
    make_agent: Callable[..., Agent], engine: Engine
) -> None:
    password = f"canary {secrets.token_hex(8)} ö"
    mount = f"{engine.mount}-userpass"
    engine.vault.request("POST", f"sys/auth/{mount}", {"type": "userpass"})
    user = {"password": password, "token_policies": [engine.mount], "token_ttl": "1h"}
    engine.vault.request("POST", f"auth/{mount}/users/agent", user)
    agent = make_agent(extra='[log]\nlevel = "debug"')
    login = f"""[auth]
method = "userpass"
mount = "{mount}"
username = "agent"
password_file = "password"
remove_password_file = true
"""
    table = re.compile(r"\[auth\].*?(?=\n\[)", re.DOTALL)
    agent.config.write_text(table.sub(login, agent.config.read_text()))
    file = agent.directory / "password"
    file.write_text("canary of another\n")
    assert agent.command("once", "--timeout", "2").returncode == 1
    assert file.exists()

    file.write_text(f"{password}\n")
    agent.start()
    key = agent.wait_for_key()
    assert not file.exists()
    assert engine.works(key["key"])
    agent.end()
    agent.start()  # goes on with its journal: no login, because there is no password
    assert agent.wait_for_key()["tag"] == key["tag"]
    agent.end()
    shown = (agent.directory / "log").read_text() + agent.journal.read_text()
    assert "token.logged_in" in shown
    assert "canary" not in shown
