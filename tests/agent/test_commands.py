"""The commands that ask a running agent, against one that runs."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.agent.harness import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Agent, Engine


def test_get_rotate_watch_and_status(engine: Engine, make_agent: Callable[..., Agent]) -> None:
    agent = make_agent(overlap='"1m"')
    agent.start()
    first = agent.wait_for_key()
    got = agent.command("get", "billing")
    assert (got.returncode, got.stdout, got.stderr) == (0, first["key"], "")
    command = [sys.executable, "-m", "freshkey", "watch", "billing", "--config", str(agent.config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline())["tag"] == first["tag"]
        rotated = agent.command("rotate", "billing")
        assert rotated.returncode == 0, rotated.stderr
        line = json.loads(watching.stdout.readline())
        watching.terminate()
    assert line["generation"] == 2
    assert "key" not in line
    assert rotated.stdout == f"billing: {first['tag']} -> {line['tag']}\n"
    newer = agent.command("get", "billing", "--newer-than", first["tag"], "--format", "json")
    assert json.loads(newer.stdout)["tag"] == line["tag"]
    none = agent.command("get", "billing", "--newer-than", line["tag"], "--wait", "1s")
    assert (none.returncode, none.stdout, len(none.stderr.splitlines())) == (1, "", 1)
    shown = agent.command("status")
    assert shown.returncode == 0, shown.stderr
    assert line["tag"] in shown.stdout
    (key,) = json.loads(agent.command("status", "--json").stdout)["keys"]
    assert (key["state"], key["leases"], key["pending_revocations"]) == ("fresh", 2, 0)
    assert key["files"] == [{"path": str(agent.key_file), "ok": True, "fault": None}]
    assert {reader["uid"] for reader in key["readers"]} == {0}
    assert key["readers"][0]["executable"]


def test_a_rotation_that_comes_to_nothing_says_why(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    agent = make_agent()
    agent.start()
    agent.wait_for_key()
    engine.openai.configure(errors={"service_account.create": "rate_limited"})
    failed = agent.command("rotate", "billing", "--timeout", "5s")
    assert failed.returncode == 1
    assert "429" in failed.stderr
    assert len(failed.stderr.splitlines()) == 1
    eventually(lambda: agent.status()["last_fault"], "the fault stands in the status")


def test_a_file_that_fails_holds_nothing_else_back(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    agent = make_agent(extra='[[keys.billing.files]]\npath = "other/billing"')
    (agent.directory / "other").write_text("a file where a directory is needed")
    agent.start()
    key = agent.wait_for_key()
    assert agent.key_file.read_text() == key["key"]
    status = eventually(
        lambda: agent.status() if agent.status()["last_fault"] else None, "the fault is told"
    )
    assert status["last_fault"]["operation"] == "publish"
    assert [file["ok"] for file in status["files"]] == [True, False]
    assert "other" in status["files"][1]["fault"]
    (agent.directory / "other").unlink()
    eventually(lambda: agent.status()["last_fault"] is None, "it is written after all")
    assert (agent.directory / "other" / "billing").read_text() == key["key"]
    assert engine.counts()["mints"] == 1
