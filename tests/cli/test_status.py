import json

import pytest
from freshkey.cli.main import main

from tests.cli.agent import FAULT, KEY_STATUS, STATUS, Agent, Clock, problem, status

Output = pytest.CaptureFixture[str]
FULL = problem(503, "busy", "too many connections")
END = problem(403, "peer_not_allowed", "no more")


def test_a_table_for_people(agent: Agent, capsys: Output) -> None:
    agent.script = [status()]
    assert main(["status"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("freshkey  1.2.3, pid 4711, ")
    assert "billing  7-aaaaaaaa  fresh" in out
    assert agent.lines == ["GET /v1/status HTTP/1.1"]


def test_json_is_the_answer_on_a_line(agent: Agent, capsys: Output) -> None:
    agent.script = [status()]
    assert main(["status", "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == STATUS


@pytest.mark.parametrize("more", [[], ["--json"], ["--watch"]])
@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (b"", "hung up"),
        (b"garbage\r\n\r\n", "not a Freshkey agent"),
        (FULL, "freshkey: too many connections\n"),
        (problem(404, "unknown_path", "nothing is served here"), "nothing is served here"),
    ],
)
def test_an_agent_that_cannot_be_asked(
    agent: Agent, capsys: Output, more: list[str], step: bytes, reason: str
) -> None:
    agent.script = [step]
    assert main(["status", *more]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert reason in err


def test_watch_tells_changes_and_not_the_time(agent: Agent, clock: Clock, capsys: Output) -> None:
    later = status(age=66, expires_in=3599)
    agent.script = [status(), later, later, status(last_fault=FAULT), status(leases=2), END]
    assert main(["status", "--watch"]) == 1
    out, err = capsys.readouterr()
    blocks = out.split("\n\nfreshkey ")
    assert len(blocks) == 3
    assert "slow down" in blocks[1]
    assert err == "freshkey: no more\n"
    assert clock.slept == [1] * 5


def test_watch_in_json(agent: Agent, clock: Clock, capsys: Output) -> None:
    agent.script = [status(), status(age=66), status(state="stale"), END]
    assert main(["status", "--watch", "--json"]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first) == STATUS
    assert json.loads(second)["keys"] == [{**KEY_STATUS, "state": "stale"}]


def test_watch_survives_a_restart(agent: Agent, clock: Clock, capsys: Output) -> None:
    agent.script = [status(), FULL, b"", status(), b"", status(leases=2), END]
    assert main(["status", "--watch"]) == 1
    out, err = capsys.readouterr()
    assert out.count("freshkey  1.2.3") == 2
    assert [line.endswith("(trying again)") for line in err.splitlines()] == [True, True, False]
