import json

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
ACCEPTED = answer(202, {"tag": OLD})


def test_the_new_generation_is_waited_for(agent: Agent, clock: Clock, capsys: Output) -> None:
    agent.script = [ACCEPTED, UNCHANGED, NO_KEY, key(OLD), key(NEW)]
    assert main(["rotate", "billing"]) == 0
    assert capsys.readouterr() == (f"billing: {OLD} -> {NEW}\n", "")
    assert agent.lines[0] == "POST /v1/keys/billing/rotate HTTP/1.1"
    assert agent.lines[1] == "GET /v1/keys/billing?wait=10s HTTP/1.1"
    assert agent.held_tags[1:] == [f'"{OLD}"'] * 4


@pytest.mark.parametrize(
    ("arguments", "order"),
    [
        ([], {"compromised": False, "now": False}),
        (["--compromised"], {"compromised": True, "now": False}),
        (["--compromised", "--now"], {"compromised": True, "now": True}),
    ],
)
def test_the_order(agent: Agent, arguments: list[str], order: object) -> None:
    agent.script = [ACCEPTED, key(NEW)]
    assert main(["rotate", "billing", *arguments]) == 0
    assert json.loads(agent.requests[0].body) == order


@pytest.mark.parametrize(("arguments", "lines"), [(["--compromised"], 2), ([], 1)])
def test_a_token_that_nobody_can_revoke(
    agent: Agent, capsys: Output, arguments: list[str], lines: int
) -> None:
    left = {"lives_until": "2026-11-29T12:00:00Z", "service_account": "svc_acct_1"}
    agent.script = [answer(202, {"tag": OLD, **left}), key(NEW)]
    assert main(["rotate", "billing", *arguments]) == 0
    told = capsys.readouterr().out.splitlines()
    assert len(told) == lines
    advice = "disable its federation rule there; to end it sooner, delete svc_acct_1"
    until = f"billing: {OLD} lives until 2026-11-29T12:00:00Z, because OpenAI revokes no access"
    assert told[1:] == [f"{until} token: {advice}"][: lines - 1]


@pytest.mark.parametrize("content", [{"tag": None}, {}, {"tag": "a\nb"}])
def test_nothing_was_published_before(agent: Agent, capsys: Output, content: object) -> None:
    agent.script = [answer(202, content), key(NEW)]
    assert main(["rotate", "billing"]) == 0
    assert capsys.readouterr().out == f"billing: - -> {NEW}\n"
    assert agent.held_tags == [None, None]


def test_it_gives_up(agent: Agent, clock: Clock, capsys: Output) -> None:
    agent.script = [ACCEPTED, UNCHANGED, UNCHANGED, status(last_fault=FAULT)]
    assert main(["rotate", "billing", "--timeout", "1s"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"freshkey: billing: no other key than {OLD} within 1s: mint: upstream: slow down (T)\n"
    )


STATIC = {"expires_in": None, "not_after": None, "leases": 0}


def test_a_static_key_that_nobody_has_replaced_is_not_waited_for(
    agent: Agent, clock: Clock, capsys: Output
) -> None:
    told = status(**STATIC)
    agent.script = [ACCEPTED, *[UNCHANGED] * 11, told, told]
    assert main(["rotate", "billing"]) == 1
    why = "this is a static key: put another one at its path in Vault"
    assert capsys.readouterr().err == (
        f"freshkey: billing: no other key than {OLD} within 10s: {why}\n"
    )
    assert sum(clock.slept) == 10


def test_a_static_key_with_a_fault_is_waited_for(agent: Agent, clock: Clock) -> None:
    told = status(**STATIC, last_fault=FAULT)
    agent.script = [ACCEPTED, *[UNCHANGED] * 11, told, key(NEW)]
    assert main(["rotate", "billing"]) == 0


def test_a_key_with_a_lease_is_waited_for(agent: Agent, clock: Clock) -> None:
    agent.script = [ACCEPTED, *[UNCHANGED] * 11, status(), key(NEW)]
    assert main(["rotate", "billing"]) == 0


def test_an_agent_that_restarts_is_waited_for(agent: Agent, clock: Clock, capsys: Output) -> None:
    agent.script = [ACCEPTED, b"", key(NEW)]
    assert main(["rotate", "billing"]) == 0
    assert capsys.readouterr() == (f"billing: {OLD} -> {NEW}\n", "")


def test_a_refusal_names_who_may(agent: Agent, capsys: Output) -> None:
    agent.script = [problem(403, "peer_not_allowed", "user 1000 may not rotate keys")]
    assert main(["rotate", "billing"]) == 1
    assert capsys.readouterr().err == (
        "freshkey: billing: user 1000 may not rotate keys: run it as root or as the agent's user\n"
    )


def test_who_may_ask_for_a_key_but_not_have_it(agent: Agent, capsys: Output) -> None:
    """Root, where `allow` names applications only: the order counts, and nothing else is told."""
    agent.script = [ACCEPTED, problem(403, "peer_not_allowed", "user 0 may not have this key")]
    assert main(["rotate", "billing"]) == 0
    out, err = capsys.readouterr()
    assert (out[: out.index("(")], err) == (f"billing: {OLD} -> ? ", "")
    assert "asked for, but not waited for" in out


def test_an_unknown_key(agent: Agent, capsys: Output) -> None:
    agent.script = [UNKNOWN]
    assert main(["rotate", "billing"]) == 1
    assert "no key of this name" in capsys.readouterr().err


def test_no_agent_is_not_waited_for(agent: Agent, clock: Clock, capsys: Output) -> None:
    agent.stop()
    assert main(["rotate", "billing"]) == 1
    assert "there is no such socket" in capsys.readouterr().err
    assert not clock.slept


def test_the_help_says_how_now_and_compromised_belong_together(capsys: Output) -> None:
    with pytest.raises(SystemExit):
        main(["rotate", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "without an overlap; with --now, before" in text
    assert "withdraw and revoke the old key first; only together with --compromised" in text


def test_now_needs_compromised(agent: Agent, capsys: Output) -> None:
    assert main(["rotate", "billing", "--now"]) == 2
    assert capsys.readouterr().err == (
        "freshkey: --now revokes a key at once: it needs --compromised too\n"
    )
    assert not agent.requests


def test_the_key_is_not_shown(agent: Agent, capsys: Output) -> None:
    agent.script = [ACCEPTED, key(NEW)]
    main(["rotate", "billing"])
    assert KEY not in "".join(capsys.readouterr())
