"""What is under way when the configuration changes: it ends well, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import UnixConnection, eventually
from tests.agent.reconfiguring import change, reload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.agent.harness import Agent, Engine


CREDENTIAL = '[keys.later.credential]\nsocket = "later.cred"\n'


def test_who_waits_is_told_and_finds_the_next_one(reloadable: Agent) -> None:
    """A watcher holds an old rule until it asks again: it has to."""
    before = reloadable.key()
    assert before is not None
    connection = UnixConnection(reloadable.directory / "freshkey.sock")
    headers = {"If-None-Match": f'"{before["tag"]}"'}
    connection.request("GET", "/v1/keys/billing?wait=30s", headers=headers)
    time.sleep(0.2)
    reload(reloadable)
    answer = connection.getresponse()
    assert answer.status == 503
    assert json.loads(answer.read())["code"] == "stopping"
    connection.close()


def test_who_waits_for_a_first_key_gets_it_after_reloads(keyless: Agent, engine: Engine) -> None:
    with waiting(keyless) as client:
        change(keyless, "creds/missing", "creds/nowhere")
        reload(keyless)
        change(keyless, "openai/creds/nowhere", engine.path)
        reload(keyless)
        assert b"".join(iter(lambda: client.recv(4096), b"")).startswith(b"sk-")


def test_who_waits_at_a_socket_that_goes_away_is_told(keyless: Agent) -> None:
    with waiting(keyless) as client:
        client.shutdown(socket.SHUT_WR)
        change(keyless, CREDENTIAL, "")
        reload(keyless)
        assert client.recv(4096) == b""
    records = map(json.loads, (keyless.directory / "audit").read_text().splitlines())
    reads = [record for record in records if record["event"] == "key.read"]
    assert [one["outcome"] for one in reads if one["key"] == "later"] == ["stopping"]


@pytest.fixture
def keyless(reloadable: Agent) -> Agent:
    """An agent with a credential socket for a key that Vault does not have."""
    key = '[keys.later]\npath = "openai/creds/missing"\nverify.mode = "off"\n'
    change(reloadable, "[log]", f"{key}{CREDENTIAL}[log]")
    reload(reloadable)
    return reloadable


@contextmanager
def waiting(agent: Agent) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(agent.directory / "later.cred"))
        client.settimeout(20)
        yield client


@pytest.mark.usefixtures("poller")
def test_a_mint_under_way_is_waited_for(reloadable: Agent, engine: Engine) -> None:
    before = reloadable.key()
    assert before is not None
    engine.openai.configure(delay_before={"service_account.create": 1.5})
    assert reloadable.post("/v1/keys/billing/rotate") == 202
    eventually(lambda: len(reloadable.logged("key.mint_intended")) == 2 or None, "the mint")
    reload(reloadable)
    after = reloadable.wait_for_key(other_than=before["tag"])
    assert after["generation"] == before["generation"] + 1
    assert engine.counts()["mints"] == 2
    assert reloadable.logged("mint.abandoned") == []
    eventually(lambda: engine.counts()["live"] == 1 or None, "no key is left over")


def test_a_stop_during_a_reload_stops(reloadable: Agent, engine: Engine) -> None:
    engine.openai.configure(delay_before={"service_account.create": 1.5})
    assert reloadable.post("/v1/keys/billing/rotate") == 202
    eventually(lambda: len(reloadable.logged("key.mint_intended")) == 2 or None, "the mint")
    reload(reloadable, "reload.begun")
    assert reloadable.end() == 0
    assert reloadable.logged("agent.stopped")
    assert not (reloadable.directory / "freshkey.sock").exists()


def test_no_request_is_lost_in_a_reload(reloadable: Agent) -> None:
    def reloaded(times: int) -> bool:
        return len(reloadable.logged("reload.done")) == times

    assert reloadable.process is not None
    for times, pause in enumerate((0.0, 0.003, 0.006, 0.01, 0.015, 0.02, 0.03), 1):
        before = reloadable.key()
        assert before is not None
        reloadable.process.send_signal(signal.SIGHUP)
        time.sleep(pause)
        if reloadable.post("/v1/keys/billing/rotate") == 202:
            reloadable.wait_for_key(other_than=before["tag"])
        eventually(partial(reloaded, times), "a reload")


@pytest.mark.parametrize("on_stop", ["keep", "revoke"])
def test_a_stop_beats_a_reload(
    make_agent: Callable[..., Agent], engine: Engine, on_stop: str
) -> None:
    agent = make_agent(on_stop=f'"{on_stop}"', stop_grace='"5s"')
    agent.start()
    agent.wait_for_key()
    assert agent.process is not None
    change(agent, "[keys.billing]", '[keys.billing]\nttl = "200s"')
    agent.process.send_signal(signal.SIGHUP)
    time.sleep(0.01)
    assert agent.end() == 0
    told = [line["event"] for line in agent.log()]
    assert "token.logged_in" not in told[told.index("agent.stopping") :]
    assert "key.mint_intended" not in told[told.index("agent.stopping") :]
    if on_stop == "keep":
        assert engine.counts()["live"] > 0
    else:
        eventually(lambda: engine.counts()["live"] == 0, "Vault ends what was revoked")
    assert agent.key_file.exists() == (on_stop == "keep")


def test_reloads_leave_nothing_behind(reloadable: Agent) -> None:
    assert reloadable.process is not None
    descriptors = f"/proc/{reloadable.process.pid}/fd"
    reload(reloadable)
    reloadable.get("/v1/keys/billing")
    time.sleep(3)  # what an old server had under way has ended, and the file's watcher is there
    before = len(os.listdir(descriptors))  # noqa: PTH208 - a count alone
    for _ in range(10):
        reload(reloadable)
        reloadable.get("/v1/keys/billing")
    eventually(
        lambda: len(os.listdir(descriptors)) <= before or None,  # noqa: PTH208 - as above
        "no descriptor is left behind",
    )


def test_a_hook_under_way_runs_to_its_end_under_the_next_configuration(reloadable: Agent) -> None:
    hook = '[[keys.billing.hooks]]\ncommand = ["sh", "-c", "sleep 0.5; echo x >> ran"]\n'
    change(reloadable, "[log]", f"{hook}[log]".replace("ran", str(reloadable.directory / "ran")))
    reload(reloadable)
    before = reloadable.key()
    assert before is not None
    assert reloadable.post("/v1/keys/billing/rotate") == 202
    reloadable.wait_for_key(other_than=before["tag"])
    reload(reloadable)
    eventually(lambda: reloadable.logged("hook.done") or None, "the hook runs")
    time.sleep(1)
    assert (reloadable.directory / "ran").read_text() == "x\n", "one at a time, and once in the end"


def test_who_connected_before_a_reload_is_answered_by_the_new_rules(reloadable: Agent) -> None:
    """Or by nobody, where the machine is so slow that the moment for a first request is over."""
    text = reloadable.config.read_text()
    change(reloadable, text, text.replace("keys.billing", "keys.other"))
    with socket.socket(socket.AF_UNIX) as early:
        early.connect(str(reloadable.directory / "freshkey.sock"))
        reload(reloadable)
        with suppress(BrokenPipeError, ConnectionResetError):
            early.sendall(b"GET /v1/keys/billing HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = early.recv(1000)
            assert not answer or answer.startswith(b"HTTP/1.1 404 "), answer.split(b"\r\n")[0]
