"""The key from the agent's socket, and what an agent may do to its reader."""

from __future__ import annotations

import copy
import pickle
import threading
import time
from typing import TYPE_CHECKING

import pytest
from freshkey.client import NoKeyError, SetupError, SocketKey, socket_source

from tests.cli.agent import (
    KEY,
    NEW,
    NO_KEY,
    OLD,
    UNKNOWN,
    Agent,
    ReceivedRequest,
    answer,
    key,
    problem,
)
from tests.support.other_user import as_other_user

if TYPE_CHECKING:
    from pathlib import Path

STOPPING = problem(503, "stopping", "the agent stops or reloads; send the request again")
ASKED = "GET /v1/keys/billing HTTP/1.1"


def test_each_call_asks_the_agent(agent: Agent) -> None:
    billing = SocketKey("billing")
    agent.script += [key(), key(NEW, secret="sk-new")]
    assert [billing(), billing()] == [KEY, "sk-new"]
    assert agent.lines == ["GET /v1/keys/billing?wait=5 HTTP/1.1", ASKED]
    assert agent.requests[0].headers["connection"] == "close"


def test_the_socket_is_named_or_found(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    assert repr(SocketKey("billing")) == f"SocketKey('billing', socket={str(agent.path)!r})"
    assert repr(SocketKey("billing", "/x")) == "SocketKey('billing', socket='/x')"
    monkeypatch.delenv("FRESHKEY_SOCKET")
    assert "'/run/freshkey/freshkey.sock'" in repr(SocketKey("billing"))


@pytest.mark.parametrize("name", ["", "Billing", "a/b", "a?wait=1", "a\r\nb", "a b"])
def test_a_name_that_no_key_has_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="the name of a key"):
        SocketKey(name)


def test_an_agent_that_restarts_does_not_hurt(agent: Agent) -> None:
    billing = SocketKey("billing")
    agent.script.append(key())
    assert billing() == KEY
    agent.stop()
    assert billing() == KEY
    agent.start()
    agent.script += [STOPPING, b"", key()[:30], key()[:-30], key(NEW, secret="sk-new")]
    assert [billing() for _ in range(5)] == [*[KEY] * 4, "sk-new"]


def test_a_key_does_not_go_on_past_its_end(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    billing = SocketKey("billing", wait=0.2)
    agent.script.append(key(expires_in=600))
    assert billing() == KEY
    agent.stop()
    monkeypatch.setattr(socket_source, "_lease_time", lambda: time.monotonic() + 1e9)
    with pytest.raises(NoKeyError, match="start the agent, or name its socket"):
        billing()


def test_a_key_without_a_lease_has_no_end(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    billing = SocketKey("billing")
    agent.script.append(key(expires_in=None, not_after=None))
    assert billing() == KEY
    agent.stop()
    monkeypatch.setattr(socket_source, "_lease_time", lambda: time.monotonic() + 1e9)
    assert billing() == KEY


def test_a_withdrawn_key_does_not_go_on(agent: Agent) -> None:
    billing = SocketKey("billing")
    agent.script += [key(), NO_KEY, key(NEW, secret="sk-new")]
    assert [billing(), billing()] == [KEY, "sk-new"]
    assert agent.lines[1] == ASKED
    assert agent.lines[2] == "GET /v1/keys/billing?wait=5 HTTP/1.1"


def test_it_waits_for_an_agent_to_start(tmp_path: Path) -> None:
    later = Agent(tmp_path / "later.sock", [key()])
    starter = threading.Timer(0.3, later.start)
    starter.start()
    try:
        assert SocketKey("billing", later.path, wait=30)() == KEY
    finally:
        starter.join()
        later.stop()


def test_it_waits_for_a_first_key(agent: Agent) -> None:
    agent.script += [NO_KEY, problem(503, "busy", "too many connections"), key()]
    assert SocketKey("billing")() == KEY


def test_what_is_missing_is_told(agent: Agent) -> None:
    agent.script += [NO_KEY]
    with pytest.raises(NoKeyError, match="billing is starting: Vault is sealed"):
        SocketKey("billing", wait=0)()


def test_a_frozen_agent_is_given_up(agent: Agent) -> None:
    frozen = threading.Event()
    billing = SocketKey("billing", wait=0)
    agent.script += [key(), key()]
    assert billing() == KEY

    def freeze(_: ReceivedRequest) -> None:
        frozen.wait(60)

    agent.on_request = freeze
    begun, busy = time.monotonic(), time.thread_time()
    assert billing() == KEY, "the last one goes on"
    assert time.monotonic() - begun >= 1
    assert time.thread_time() - busy < 0.5, "it waits, and does not spin"
    with pytest.raises(NoKeyError, match="no answer within 1 s"):
        SocketKey("billing", wait=0)()
    frozen.set()


BODY = key().partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (UNKNOWN, "no key is called billing: `freshkey status` lists them"),
        (problem(403, "peer_not_allowed", "no entry\nof `allow` fits"), "no entry of `allow` fits"),
        (problem(400, "bad_request", "odd"), "odd"),
        (answer(200, {"name": "billing"}), "no Freshkey agent"),
        (answer(200, ["billing"]), "no Freshkey agent"),
        (key(secret="sk two"), "no Freshkey agent"),
        (key(secret=""), "no Freshkey agent"),
        (key(expires_in="soon"), "no Freshkey agent"),
        (key(expires_in=10**400), "no Freshkey agent"),
        (answer(200, body=BODY.replace(b'"tag": "', b'"tag": "\\ud800')), "no Freshkey agent"),
        (answer(200, body=b"not json"), "no Freshkey agent"),
        (answer(200, body=b"[" * 60_000), "no Freshkey agent"),
        (answer(200, body=b"x" * 100_000), "no Freshkey agent"),
        (answer(500, body=b"oh"), "no Freshkey agent"),
        (answer(302), "no Freshkey agent"),
        (b"SSH-2.0-x\r\n\r\n", "no Freshkey agent"),
        (b"HTTP/1.1 abc\r\n\r\n", "no Freshkey agent"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "no Freshkey agent"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\n" % (b"9" * 5000), "no Freshkey agent"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "no Freshkey agent"),
    ],
)
def test_what_waiting_can_not_help_is_told_at_once(agent: Agent, step: bytes, told: str) -> None:
    agent.script.append(step)
    with pytest.raises(SetupError, match=told) as caught:
        SocketKey("billing", wait=600)()
    assert "\n" not in str(caught.value)
    assert str(agent.path) in str(caught.value)


def test_an_answer_in_pieces_is_put_together(agent: Agent) -> None:
    whole = key()
    agent.script.append([whole[i : i + 7] for i in range(0, len(whole), 7)])
    assert SocketKey("billing")() == KEY


def test_a_socket_that_may_not_be_used_is_told_of_at_once(agent: Agent) -> None:
    with (
        as_other_user(agent.path.parent),
        pytest.raises(SetupError, match=r"by user id \d+: join the socket's group"),
    ):
        SocketKey("billing", wait=600)()


def test_a_path_that_is_too_long_is_told_of_at_once() -> None:
    with pytest.raises(SetupError, match="too long: name another place"):
        SocketKey("billing", "/x" * 100, wait=600)()


def test_nothing_shows_or_copies_the_key(agent: Agent) -> None:
    billing = SocketKey("billing")
    agent.script += [key(), key(), key()]
    assert billing() == KEY
    assert KEY not in repr(vars(billing.source))
    assert KEY.encode() not in pickle.dumps(billing)
    assert pickle.loads(pickle.dumps(billing))() == copy.deepcopy(billing)() == KEY  # noqa: S301 - pickled here


def test_the_last_key_that_was_asked_for_is_told_as_refused(agent: Agent) -> None:
    billing = SocketKey("billing")
    agent.script += [key(), answer(202, {}), problem(409, "old_tag", "get that one", tag=NEW)]
    assert billing() == KEY
    assert [billing.rejected(), billing.rejected()] == [False, True]
    assert agent.lines[1] == "POST /v1/keys/billing/rejected HTTP/1.1"
    assert agent.requests[1].body == f'{{"tag": "{OLD}"}}'


def test_a_thread_reports_the_key_that_it_was_given(agent: Agent) -> None:
    """Another thread has a newer key by then, which nobody has refused."""
    billing = SocketKey("billing")
    agent.script += [key(), key(NEW, secret="sk-new"), answer(202, {}), answer(202, {})]
    assert billing() == KEY
    other = threading.Thread(target=billing)
    other.start()
    other.join()
    billing.rejected()
    billing.rejected("sk-new")
    assert [request.body for request in agent.requests[2:]] == [
        f'{{"tag": "{OLD}"}}',
        f'{{"tag": "{NEW}"}}',
    ]


def test_a_thread_that_was_given_none_reports_the_newest(agent: Agent) -> None:
    billing = SocketKey("billing")
    agent.script += [key(), answer(202, {})]
    asker = threading.Thread(target=billing)
    asker.start()
    asker.join()
    billing.rejected()
    assert agent.requests[1].body == f'{{"tag": "{OLD}"}}'


def test_a_key_of_somebody_else_is_not_reported(agent: Agent) -> None:
    with pytest.raises(ValueError, match="was not given out here lately") as caught:
        SocketKey("billing").rejected("sk-of-somebody-else")
    assert "somebody-else" not in str(caught.value)
    with pytest.raises(ValueError, match="was not given out here lately"):
        SocketKey("billing").rejected()
    assert not agent.requests


def test_a_report_that_does_not_arrive_is_no_error(agent: Agent) -> None:
    billing = SocketKey("billing")
    agent.script.append(key())
    assert billing() == KEY
    agent.stop()
    assert not billing.rejected()
    agent.start()
