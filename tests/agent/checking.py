"""`freshkey check --online`, run and read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.agent.harness import Agent


def checked(agent: Agent, status: int) -> dict[str, Any]:
    """Run the check; return faults and warnings by their place."""
    done = agent.command("check", "--online", "--json")
    assert (done.returncode, done.stderr) == (status, ""), done.stdout
    answer = json.loads(done.stdout)
    assert answer["ok"] == (status == 0)
    return {
        part: {f["path"]: f["message"] for f in answer[part]} for part in ("faults", "warnings")
    }
