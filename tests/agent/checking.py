"""`freshkey check --online`, run and read."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from testbed.vault_api import VaultError

if TYPE_CHECKING:
    from tests.agent.harness import Agent, Engine


def checked(agent: Agent, status: int) -> dict[str, Any]:
    """Run the check; return faults and warnings by their place."""
    done = agent.command("check", "--online", "--json")
    assert (done.returncode, done.stderr) == (status, ""), done.stdout
    answer = json.loads(done.stdout)
    assert answer["ok"] == (status == 0)
    return {
        part: {f["path"]: f["message"] for f in answer[part]} for part in ("faults", "warnings")
    }


def tokens(engine: Engine) -> int:
    """How many tokens of the engine's logins live."""
    accessors = engine.vault.request("LIST", "auth/token/accessors")["data"]["keys"]
    found = 0
    for accessor in accessors:
        fields = {"accessor": accessor}
        with suppress(VaultError):  # it has ended since
            data = engine.vault.request("POST", "auth/token/lookup-accessor", fields)["data"]
            found += data["path"].startswith(f"auth/{engine.mount}/")
    return found
