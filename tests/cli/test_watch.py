import json

import pytest
from freshkey.cli.main import main

from tests.cli.agent import (
    KEY,
    NEW,
    NO_KEY,
    OLD,
    UNCHANGED,
    UNKNOWN,
    Agent,
    Clock,
    ReceivedRequest,
    key,
    problem,
)

Output = pytest.CaptureFixture[str]


def watched(capsys: Output) -> tuple[list[object], list[str]]:
    """Watch until the key is gone; return the tags and the complaints."""
    assert main(["watch", "billing"]) == 1
    out, err = capsys.readouterr()
    assert KEY not in out + err
    *lines, last = err.splitlines()
    assert last.startswith("freshkey: billing: the configuration has no key of this name")
    return [json.loads(line)["tag"] for line in out.splitlines()], lines


def test_a_line_for_every_generation(agent: Agent, clock: Clock, capsys: Output) -> None:
    agent.script = [key(OLD), UNCHANGED, key(NEW), UNKNOWN]
    assert watched(capsys) == ([OLD, NEW], [])
    assert set(agent.lines) == {"GET /v1/keys/billing?wait=300s HTTP/1.1"}
    assert agent.held_tags == [None, f'"{OLD}"', f'"{OLD}"', f'"{NEW}"']


def test_a_line_holds_no_key(agent: Agent, clock: Clock, capsys: Output) -> None:
    agent.script = [key(OLD, previous=KEY), UNKNOWN]
    assert main(["watch", "billing"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "name": "billing",
        "tag": OLD,
        "generation": 7,
        "not_after": "2030-01-01T00:10:00Z",
        "expires_in": 600,
        "stale": False,
        "api_key_id": "key_abc",
    }


def test_an_agent_that_does_not_wait_is_not_pressed(
    agent: Agent, clock: Clock, capsys: Output
) -> None:
    agent.script = [key(), *[UNCHANGED] * 20, *[key()] * 20, UNKNOWN]
    assert watched(capsys) == ([OLD], [])
    assert clock.slept == [1] * 40


def test_an_agent_that_waited_is_asked_again_at_once(
    agent: Agent, clock: Clock, capsys: Output
) -> None:
    def wait(request: ReceivedRequest) -> None:
        clock.now += 300 if "if-none-match" in request.headers else 0

    agent.on_request = wait
    agent.script = [key(), UNCHANGED, UNCHANGED, UNKNOWN]
    watched(capsys)
    assert clock.slept == [0, 0]


def test_a_restart_is_survived_and_told_once(agent: Agent, clock: Clock, capsys: Output) -> None:
    def stop(request: ReceivedRequest) -> None:
        if len(agent.requests) == 2:
            agent.stop()
            clock.after(5, agent.start)

    agent.on_request = stop
    stopping = problem(503, "stopping", "the agent stops or reloads")
    agent.script = [key(), stopping, UNCHANGED, key(NEW), UNKNOWN]
    tags, complaints = watched(capsys)
    assert tags == [OLD, NEW]
    assert complaints == ["freshkey: billing: the agent stops or reloads (trying again)"]
    assert agent.held_tags[2] == f'"{OLD}"'


def test_every_restart_is_told(agent: Agent, clock: Clock, capsys: Output) -> None:
    agent.script = [key(), b"", UNCHANGED, b"", b"", key(), UNKNOWN]
    tags, complaints = watched(capsys)
    assert tags == [OLD]
    assert len(complaints) == 2
    assert all("hung up" in line for line in complaints)


def test_a_withdrawn_key_is_waited_for(agent: Agent, clock: Clock, capsys: Output) -> None:
    withdrawn = problem(503, "no_key", "billing is withdrawn: refused")
    agent.script = [key(OLD), withdrawn, withdrawn, key(OLD), withdrawn, key(NEW), UNKNOWN]
    tags, complaints = watched(capsys)
    assert tags == [OLD, NEW]  # the same generation again is no news
    assert complaints == ["freshkey: billing is withdrawn: refused (trying again)"] * 2


def test_a_first_key_is_waited_for(agent: Agent, clock: Clock, capsys: Output) -> None:
    agent.script = [NO_KEY, key(), UNKNOWN]
    assert watched(capsys)[0] == [OLD]


def test_without_an_agent_it_does_not_begin(agent: Agent, clock: Clock, capsys: Output) -> None:
    agent.stop()
    assert main(["watch", "billing"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "there is no such socket" in err
    assert not clock.slept


def test_a_refusal_ends_it(agent: Agent, clock: Clock, capsys: Output) -> None:
    agent.script = [key(), problem(403, "peer_not_allowed", "not for you")]
    assert main(["watch", "billing"]) == 1
    assert capsys.readouterr().err == "freshkey: billing: not for you\n"
