"""`freshkey exec --gateway` with a real agent, a real Vault, and OpenAI's emulator."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import eventually
from tests.agent.reconfiguring import change, mint_without_limit, reload
from tests.gateway.applications import Calls, application, started
from tests.gateway.asking import CHAT, audited
from tests.support.sessions import sessions

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from tests.agent.harness import Agent, Engine

    Execute = Callable[..., subprocess.Popen[bytes]]

ME = f'user = "{os.geteuid()}"'
SOMEBODY_ELSE = f'user = "{os.geteuid() + 1}"'
NOBODYS = "freshkey-run-" + "a" * 43


@pytest.fixture
def execute(tmp_path: Path) -> Iterator[Execute]:
    """Start `freshkey exec --gateway` with an agent's configuration; its errors are in `errors`."""
    with sessions() as running:

        def start(agent: Agent, *command: str) -> subprocess.Popen[bytes]:
            arguments = ["exec", "--gateway", "--config", str(agent.config), "--", *command]
            with (tmp_path / "errors").open("ab") as errors:
                return running.start(sys.executable, "-m", "freshkey", *arguments, stderr=errors)

        yield start


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path / "calls")


def ask_with(token: str, port: int) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(CHAT), headers)
    answer = connection.getresponse()
    content = json.loads(answer.read())
    connection.close()
    return answer.status, content.get("error", {}).get("code", "")


def test_rotation_reload_and_restart_refuse_no_call(
    make_gateway: Callable[..., Agent], execute: Execute, calls: Calls, port: int
) -> None:
    agent = make_gateway(ME, overlap='"1s"')
    # The time is over in which an agent that has just started waits for runs.
    assert ask_with(NOBODYS, port) == (403, "peer_not_allowed")
    process = execute(agent, *application(calls))
    child, token = started(process)
    calls.wait_for_more("it calls")
    given = [agent.wait_for_key()]
    assert agent.command("rotate", "billing").returncode == 0
    given.append(agent.wait_for_key(other_than=given[0]["tag"]))
    eventually(lambda: audited(agent)[-1]["tag"] == given[1]["tag"], "it calls with another key")
    for name in ("one", "two"):
        change(agent, ME, f'{ME}\nname = "{name}"' if name == "one" else ME)
        reload(agent)
        calls.wait_for_more(f"it calls after reload {name}")
    assert set(calls.statuses) == {"200"}
    agent.end(signal.SIGKILL)
    calls.wait_for_more("it notices", "away")
    agent.start()
    agent.wait_for_key()
    calls.wait_for_more("it calls the agent that was started again")
    assert set(calls.statuses) == {"200", "away"}
    environment = Path(f"/proc/{child}/environ").read_bytes()
    assert token.encode() in environment
    assert not [key for key in given if key["key"].encode() in environment]
    assert b"sk-" not in environment
    served = [line for line in audited(agent) if line["status"] == 200]
    assert {line["client"] for line in served} == {"billing", "one"}
    assert {(line["pid"], line["uid"]) for line in served} == {(process.pid, os.geteuid())}
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    for file in (agent.directory / "log", agent.directory / "audit", calls.log.with_name("errors")):
        assert token not in file.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_token_ends_with_the_run(
    make_gateway: Callable[..., Agent], execute: Execute, calls: Calls, port: int, number: int
) -> None:
    agent = make_gateway(ME)
    process = execute(agent, *application(calls))
    _, token = started(process)
    assert ask_with(token, port)[0] == 200
    process.send_signal(number)
    process.wait(timeout=30)
    ends = eventually(
        lambda: [line["outcome"] for line in records(agent)][1:], "the agent knows of the end"
    )
    assert ends == ["ended"]
    assert ask_with(token, port) == (403, "peer_not_allowed")
    assert ask_with("any", port)[0] == 200, "who needs no token is still served"
    if number == signal.SIGKILL:
        calls.wait_for_more("what was left behind is refused", "403")


def records(agent: Agent) -> list[dict[str, object]]:
    lines = (agent.directory / "audit").read_text().splitlines()
    return [line for line in map(json.loads, lines) if line["event"] == "gateway.run"]


def test_two_runs_at_once(
    make_gateway: Callable[..., Agent], execute: Execute, calls: Calls, port: int
) -> None:
    agent = make_gateway(ME)
    processes = [execute(agent, *application(calls)) for _ in range(2)]
    tokens = [started(process)[1] for process in processes]
    assert len({*tokens}) == 2
    assert [ask_with(token, port)[0] for token in tokens] == [200, 200]
    processes[0].terminate()
    assert processes[0].wait(timeout=30) == 0
    eventually(lambda: records(agent)[2:], "the agent knows of the end")
    assert [ask_with(token, port)[0] for token in tokens] == [403, 200]
    calls.wait_for_more("the other one goes on")
    assert set(calls.statuses) == {"200"}


def test_a_key_that_goes_to_another_entry(
    make_gateway: Callable[..., Agent], execute: Execute, calls: Calls
) -> None:
    """A reload counts for runs that have begun before it, too."""
    agent = make_gateway(ME)
    process = execute(agent, *application(calls))
    started(process)
    calls.wait_for_more("it calls")
    change(agent, ME, SOMEBODY_ELSE)
    reload(agent)
    calls.wait_for_more("it is refused", "403")
    change(agent, SOMEBODY_ELSE, ME)
    reload(agent)
    calls.wait_for_more("it is let in again")
    assert process.poll() is None


def test_another_users_entry(
    make_gateway: Callable[..., Agent], execute: Execute, tmp_path: Path
) -> None:
    agent = make_gateway(SOMEBODY_ELSE)
    assert execute(agent, "true").wait(timeout=30) == 1
    error = (tmp_path / "errors").read_text()
    assert "the gateway is not for you" in error
    assert error.count("\n") == 1
    assert [line["outcome"] for line in records(agent)] == ["peer_not_allowed"]


def test_no_gateway(
    make_agent: Callable[..., Agent], engine: Engine, execute: Execute, tmp_path: Path
) -> None:
    agent = make_agent()
    agent.start()
    agent.wait_for_key()
    assert execute(agent, "true").wait(timeout=30) == 1
    error = (tmp_path / "errors").read_text()
    assert "name gateway.tcp" in error
    assert error.count("\n") == 1


def test_an_agent_of_its_own(
    make_agent: Callable[..., Agent],
    engine: Engine,
    execute: Execute,
    calls: Calls,
    port: int,
) -> None:
    extra = f"""
[gateway]
tcp = "127.0.0.1:{port}"
upstream = "{engine.openai.base_url}"
[[gateway.clients]]
{ME}
[log]
audit_file = "audit"
"""
    agent = make_agent(extra=extra)
    mint_without_limit(agent)
    process = execute(agent, *application(calls))
    _, token = started(process)
    calls.wait_for_more("it calls")
    first = agent.key()
    assert first is not None
    assert agent.command("rotate", "billing").returncode == 0
    eventually(lambda: audited(agent)[-1]["tag"] != first["tag"], "it calls with another key")
    assert set(calls.statuses) == {"200"}
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    errors = calls.log.with_name("errors").read_text()
    assert "agent.stopped" in errors
    assert token not in errors
