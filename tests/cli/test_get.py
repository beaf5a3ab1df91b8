import json
import resource

import pytest
from freshkey.cli.main import main

from tests.cli.agent import (
    FAULT,
    KEY,
    NEW,
    NO_KEY,
    OLD,
    UNCHANGED,
    UNKNOWN,
    Agent,
    Clock,
    answer,
    key,
    problem,
    status,
)

Output = pytest.CaptureFixture[str]


def test_raw_is_the_key_and_nothing_else(agent: Agent, capsys: Output) -> None:
    agent.script = [key()]
    assert main(["get", "billing"]) == 0
    assert capsys.readouterr() == (KEY, "")
    assert agent.lines == ["GET /v1/keys/billing?wait=30s HTTP/1.1"]
    assert agent.held_tags == [None]


def test_json_is_the_whole_answer_on_a_line(agent: Agent, capsys: Output) -> None:
    agent.script = [key(later="é")]
    assert main(["get", "billing", "--format", "json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out)["key"] == KEY
    assert json.loads(out)["later"] == "é"


@pytest.mark.parametrize(
    ("secret", "line"), [(KEY, f"OPENAI_API_KEY={KEY}\n"), ("a$b c", 'OPENAI_API_KEY="a\\$b c"\n')]
)
def test_env_is_quoted(agent: Agent, capsys: Output, secret: str, line: str) -> None:
    agent.script = [key(secret=secret)]
    assert main(["get", "billing", "--format", "env"]) == 0
    assert capsys.readouterr() == (line, "")


def test_env_refuses_what_it_cannot_hold(agent: Agent, capsys: Output) -> None:
    agent.script = [key(secret=f"{KEY}\n")]
    assert main(["get", "billing", "--format", "env"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "freshkey: billing: the key has unprintable characters: use the json format\n"


def test_a_key_leaves_no_core(
    agent: Agent, capsys: Output, limits: list[tuple[int, tuple[int, int]]]
) -> None:
    agent.script = [key()]
    assert main(["get", "billing"]) == 0
    assert limits == [(resource.RLIMIT_CORE, (1, 1))]


def test_a_newer_key_is_waited_for(agent: Agent, clock: Clock, capsys: Output) -> None:
    agent.script = [UNCHANGED, key(OLD), key(NEW)]
    assert main(["get", "billing", "--newer-than", OLD, "--wait", "10m"]) == 0
    assert capsys.readouterr() == (KEY, "")
    assert agent.held_tags == [f'"{OLD}"'] * 3
    assert "?wait=300s " in agent.lines[0]  # the agent waits no longer
    assert clock.slept == [1, 1]


def test_no_newer_key_in_time(agent: Agent, clock: Clock, capsys: Output) -> None:
    agent.script = [UNCHANGED, UNCHANGED, UNCHANGED, status(last_fault=FAULT)]
    assert main(["get", "billing", "--newer-than", OLD, "--wait", "2s"]) == 1
    assert capsys.readouterr() == (
        "",
        f"freshkey: billing: no other key than {OLD} within 2s: mint: upstream: slow down (T)\n",
    )
    assert [line.split()[1] for line in agent.lines] == [
        "/v1/keys/billing?wait=2s",
        "/v1/keys/billing?wait=1s",
        "/v1/keys/billing",
        "/v1/status",
    ]


def test_an_agent_that_waited_is_asked_again_at_once(agent: Agent, clock: Clock) -> None:
    agent.on_request = lambda _: setattr(clock, "now", clock.now + 300)
    agent.script = [UNCHANGED, key(NEW)]
    assert main(["get", "billing", "--newer-than", OLD, "--wait", "10m"]) == 0
    assert clock.slept == [0]


def test_a_first_key_is_waited_for(agent: Agent, clock: Clock, capsys: Output) -> None:
    stopping = problem(503, "stopping", "the agent stops or reloads")
    agent.script = [NO_KEY, stopping, key()]
    assert main(["get", "billing"]) == 0
    assert capsys.readouterr() == (KEY, "")
    assert clock.slept == [1, 1]


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (status(last_fault=FAULT), "mint: upstream: slow down (T)"),
        (status(), "billing is starting: Vault is sealed"),
        (b"", "billing is starting: Vault is sealed"),
    ],
)
def test_no_first_key_in_time(agent: Agent, capsys: Output, last: bytes, reason: str) -> None:
    agent.script = [NO_KEY, last]
    assert main(["get", "billing", "--wait", "0"]) == 1
    assert capsys.readouterr() == ("", f"freshkey: billing: no key within 0s: {reason}\n")
    assert agent.lines[0] == "GET /v1/keys/billing HTTP/1.1"


def test_no_reason_is_known(agent: Agent, capsys: Output) -> None:
    agent.script = [UNCHANGED, status()]
    assert main(["get", "billing", "--newer-than", OLD, "--wait", "0"]) == 1
    assert capsys.readouterr().err.endswith("within 0s: the agent reports no fault, wait longer\n")


def test_an_agent_that_restarts_is_waited_for(agent: Agent, clock: Clock, capsys: Output) -> None:
    agent.stop()
    agent.script = [b"", key()]
    clock.after(3, agent.start)
    assert main(["get", "billing"]) == 0
    out, err = capsys.readouterr()
    assert out == KEY
    assert err.startswith(f"freshkey: {agent.path}: there is no such socket: start the agent")
    assert err.endswith(" (trying again for 29s)\n")
    assert err.count("\n") == 1
    assert clock.slept == [1, 1, 1, 1]


def test_a_moment_without_an_agent_is_not_told(agent: Agent, clock: Clock, capsys: Output) -> None:
    agent.stop()
    agent.script = [key()]
    clock.after(1, agent.start)
    assert main(["get", "billing"]) == 0
    assert capsys.readouterr() == (KEY, "")


def test_no_agent_in_time(agent: Agent, clock: Clock, capsys: Output) -> None:
    agent.stop()
    assert main(["get", "billing", "--wait", "5s"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    waiting, given_up = err.splitlines()
    assert waiting == f"{given_up} (trying again for 4s)"
    assert "there is no such socket: start the agent" in given_up
    assert sum(clock.slept) == 5


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (UNKNOWN, "billing: the configuration has no key of this name"),
        (problem(403, "peer_not_allowed", "not for you"), "billing: not for you\n"),
        (b"garbage\r\n\r\n", "not a Freshkey agent"),
    ],
)
def test_a_refusal_ends_the_wait(
    agent: Agent, clock: Clock, capsys: Output, step: bytes, reason: str
) -> None:
    agent.script = [step]
    assert main(["get", "billing"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert reason in err
    assert not clock.slept


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"key": KEY},
        {"key": KEY, "tag": "a\r\nX: y"},  # it would go into a header
        {"key": KEY, "tag": 7},
        {"key": 7, "tag": OLD},
        {"key": "\ud800", "tag": OLD},
        {"tag": OLD},
    ],
)
def test_an_answer_without_a_key(agent: Agent, capsys: Output, content: object) -> None:
    agent.script = [answer(200, content)]
    assert main(["get", "billing"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "freshkey: billing: the agent answered without a key: look at its log\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["Billing"],
        ["../status"],
        ["billing", "--format", "xml"],
        ["billing", "--newer-than", 'a"b'],
        ["billing", "--newer-than", ""],
        ["billing", "--wait", "soon"],
    ],
)
def test_wrong_usage(arguments: list[str], capsys: Output) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["get", *arguments])
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.endswith("see freshkey get --help\n")
