from __future__ import annotations

import socket
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from testbed.chaos import openai_faults, reader, tracing
from testbed.chaos.network_faults import TOXICS, poisoned
from testbed.chaos.outages import EARLY, LASTS, LEASE, at_replacement
from testbed.chaos.subjects import SUBJECTS
from testbed.emulator.process import EmulatorError
from testbed.recording_proxy import health

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from testbed.chaos.agent_run import AgentRun
    from testbed.emulator.process import OpenAIServer
    from testbed.toxiproxy import Proxy, ToxiproxyServer
    from testbed.vault import VaultServer

RECORD = """\
openat(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY|O_CLOEXEC) = 16
openat(4, ".journal", O_WRONLY|O_CREAT|O_EXCL, 0600) = 12
fchmod(12, 0600) = 0
4711  write(12, "{\\"version\\"", 2002) = 2002
strace: Process 4712 attached
fsync(12) = 0
<... openat resumed>) = 9
renameat(4, ".journal", 4, "journal.json") = 0
fsync(4) = ?
+++ killed by SIGKILL +++
"""


def test_steps_are_the_calls_that_change_something(tmp_path: Path) -> None:
    record = tmp_path / "record"
    record.write_text(RECORD)
    assert tracing.steps(record) == [2, 3, 4, 5, 6, 7]
    assert tracing.count(record, "fsync") == 2


def test_a_half_written_look_is_none(tmp_path: Path) -> None:
    record = tmp_path / "looks"
    record.write_text("1.0000 works\n1.0200 missing\n1.0400 refused\n1.06")
    assert reader.read(record) == [(1.0, True), (1.02, False), (1.04, False)]


@pytest.mark.parametrize("name", SUBJECTS)
def test_an_outage_begins_when_a_replacement_may(name: str) -> None:
    happened: list[object] = []

    @contextmanager
    def outage(_: AgentRun) -> Iterator[None]:
        happened.append("begins")
        yield
        happened.append("ends")

    agent_run = SimpleNamespace(
        subject=SUBJECTS[name],
        first_key_at=100.0,
        wait=happened.append,
        wait_until=happened.append,
    )
    at_replacement(outage)(cast("AgentRun", agent_run))
    share = {"freshkey": 0.5, "vault-agent": 0.85}[name]
    assert happened == [100 + share * LEASE - EARLY, "begins", LASTS, "ends"]


@pytest.mark.parametrize("name", TOXICS)
def test_every_toxic_is_one_of_toxiproxys_and_ends(
    toxiproxy: ToxiproxyServer, vault: VaultServer, name: str
) -> None:
    with _network(toxiproxy, vault.port, vault.port) as agent_run:
        proxy = agent_run.site.network
        with poisoned(name)(agent_run):
            (toxic,) = toxiproxy.request("GET", f"proxies/{proxy.name}/toxics")
            assert (toxic["type"], toxic["stream"]) == (TOXICS[name].kind, TOXICS[name].stream)
            assert toxic["attributes"].items() >= TOXICS[name].attributes.items()
        assert toxiproxy.request("GET", f"proxies/{proxy.name}/toxics") == []
        assert health(_port_of(proxy)) == 200


def test_vault_gets_half_a_request_and_nobody_an_answer(
    toxiproxy: ToxiproxyServer, vault: VaultServer
) -> None:
    """What counts requests is passed by meanwhile."""
    request = b"GET /v1/sys/health HTTP/1.1\r\n".ljust(300, b"x")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reached = listener.getsockname()[1]
        with _network(toxiproxy, reached, vault.port) as agent_run:
            port = _port_of(agent_run.site.network)
            with (
                poisoned("limit-data-upstream")(agent_run),
                socket.create_connection(("127.0.0.1", port)) as client,
            ):
                client.sendall(request)
                with listener.accept()[0] as server:
                    assert server.makefile("rb").read() == request[:100]
                assert client.recv(1) == b""
            assert health(port) == 200


@contextmanager
def _network(toxiproxy: ToxiproxyServer, vault_port: int, recorder_port: int) -> Iterator[AgentRun]:
    """Lead an agent to what counts requests, as a site does."""
    recorder = SimpleNamespace(listen=f"127.0.0.1:{recorder_port}")
    network = toxiproxy.proxy("chaos", recorder.listen)
    servers = SimpleNamespace(toxiproxy=toxiproxy, vault=SimpleNamespace(port=vault_port))
    site = SimpleNamespace(servers=servers, network=network, to_vault=recorder)
    try:
        yield cast("AgentRun", SimpleNamespace(site=site))
    finally:
        network.remove()


def _port_of(proxy: Proxy) -> int:
    return int(proxy.listen.rpartition(":")[2])


def test_openai_fails_in_more_than_one_way(
    openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer() -> str:
        with pytest.raises(EmulatorError) as refused:
            openai_server.create_key(project)
        return str(refused.value)

    monkeypatch.setattr(openai_faults, "TURN", 0.01)
    servers = SimpleNamespace(openai=openai_server)
    agent_run = cast("AgentRun", SimpleNamespace(site=SimpleNamespace(servers=servers)))
    project = openai_server.create_project("failing")
    with openai_faults.failing(agent_run):
        found = {answer()}
        while len(found) < len(openai_faults.SERVER_ERRORS):
            found.add(answer())
    assert openai_server.create_key(project)
