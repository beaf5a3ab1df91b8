"""Behaviour 7 against the real Vault and a real proxy: what is away, and comes back."""

from __future__ import annotations

import signal
import socket
import time
from array import array
from contextlib import contextmanager, suppress
from fcntl import ioctl
from pathlib import Path
from termios import FIONREAD
from typing import TYPE_CHECKING

import pytest

from testbed.vault import VaultServer
from tests.agent.harness import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testbed.toxiproxy import Proxy, ToxiproxyServer
    from tests.agent.harness import Agent, Engine

LEASE = 8  # seconds
BACK = 5.0
FULL = 50_000  # bytes that wait to be read, of many more that are asked for
STOP = 7.0  # the 5 s of a stop, on a busy machine
QUICK = 5.0  # for an answer on the socket, on a busy machine, far below what a call may take


@pytest.fixture(scope="module")
def vault() -> Iterator[VaultServer]:
    """A Vault that can be frozen without harm to other tests."""
    with VaultServer() as server:
        yield server


@pytest.fixture
def proxy(engine: Engine, toxiproxy: ToxiproxyServer) -> Iterator[Proxy]:
    made = toxiproxy.proxy(engine.mount, engine.vault.address.removeprefix("http://"))
    yield made
    made.remove()


def until_replaced(agent: Agent, tag: str, since: float) -> float:
    agent.wait_for_key(other_than=tag)
    took = time.monotonic() - since
    print(f"another key {took:.2f} s after the return")
    return took


def test_a_closed_port_for_longer_than_the_lease(
    engine: Engine, make_agent: Callable[..., Agent], proxy: Proxy
) -> None:
    """Vault itself goes on, and would delete the account at the lease's end: it may not here."""
    engine.set_ttl(f"{LEASE}s")
    agent = make_agent(address=f"http://{proxy.listen}", overlap='"1s"', check_every='"1s"')
    agent.start()
    tag = agent.wait_for_key()["tag"]
    engine.openai.configure(revocation_lag=60)
    proxy.cut()
    eventually(lambda: agent.status()["state"] == "stale", "the key is stale", 2 * LEASE)
    key = agent.key()
    assert key is not None
    assert (key["tag"], key["stale"]) == (tag, True)
    assert key["expires_in"] < 0
    status = agent.status()
    assert (status["vault"]["fault"], status["last_fault"]["fault"]) == ("unreachable",) * 2
    assert agent.get("/readyz")[0] == 200
    proxy.restore()
    assert until_replaced(agent, tag, time.monotonic()) <= BACK
    eventually(lambda: agent.status()["last_fault"] is None, "nothing is in trouble")


def test_a_frozen_vault_blocks_nothing(engine: Engine, make_agent: Callable[..., Agent]) -> None:
    """SIGSTOP: connections are accepted by the kernel, and nothing is answered."""
    engine.set_ttl(f"{LEASE}s")
    agent = make_agent(overlap='"1s"', check_every='"1s"')
    agent.start()
    tag = agent.wait_for_key()["tag"]
    engine.openai.configure(revocation_lag=60)
    engine.vault.freeze()
    try:
        slowest = 0.0

        def stale() -> bool:
            nonlocal slowest
            asked_at = time.monotonic()
            status = agent.status()
            slowest = max(slowest, time.monotonic() - asked_at)
            return bool(status["state"] == "stale")

        eventually(stale, "the key is stale", 2 * LEASE)
        print(f"slowest status while Vault is frozen: {slowest * 1000:.0f} ms")
        assert slowest < QUICK
        assert agent.status()["tag"] == tag
        assert engine.works(agent.key_file.read_text())
    finally:
        engine.vault.thaw()
    assert until_replaced(agent, tag, time.monotonic()) <= BACK


def test_sigterm_under_a_frozen_vault(engine: Engine, make_agent: Callable[..., Agent]) -> None:
    agent = make_agent(check_every='"1s"')
    agent.start()
    agent.wait_for_key()
    engine.vault.freeze()
    try:
        eventually(lambda: agent.logged("vault.away"), "the outage is told")
        since = time.monotonic()
        assert agent.end(signal.SIGTERM) == 0
        assert time.monotonic() - since < STOP
    finally:
        engine.vault.thaw()


def test_sigterm_when_vault_has_just_frozen(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    """No call has failed yet, so all are waited for; and then a client that takes no answer."""
    agent = make_agent(check_every='"1s"', on_stop='"revoke"')
    agent.start()
    agent.wait_for_key()
    engine.vault.freeze()
    try:
        eventually(lambda: calls_vault(agent, engine), "a call that gets no answer")
        with deaf_client(agent):
            since = time.monotonic()
            assert agent.end(signal.SIGTERM) == 0
            took = time.monotonic() - since
        print(f"ended {took:.2f} s after SIGTERM")
        assert took < STOP
        assert not agent.logged("vault.away"), "it was not known"
        assert not agent.key_file.exists()
    finally:
        engine.vault.thaw()


def calls_vault(agent: Agent, engine: Engine) -> bool:
    """Whether a call is under way: each has a connection of its own."""
    assert agent.process is not None
    proc = Path("/proc", str(agent.process.pid))
    port = int(engine.vault.address.rpartition(":")[2])
    own = set()
    for descriptor in (proc / "fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            own.add(descriptor.readlink().name)
    rows = map(str.split, (proc / "net" / "tcp").read_text().splitlines())
    # The third is the other end, the tenth the inode: the kernel's proc_net_tcp.rst.
    return any(r[2].endswith(f":{port:04X}") and f"socket:[{r[9]}]" in own for r in rows)


@contextmanager
def deaf_client(agent: Agent) -> Iterator[None]:
    """A client that asks for more than the kernel holds for it, and reads nothing."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(agent.directory / "freshkey.sock"))
        client.settimeout(QUICK)
        client.sendall(b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2000)

        def stuck() -> bool:
            unread = array("i", [0])
            ioctl(client, FIONREAD, unread)
            return unread[0] > FULL

        eventually(stuck, "answers fill the socket")
        yield


def test_organization_limit(engine: Engine, make_agent: Callable[..., Agent]) -> None:
    """The old key stays good, and OpenAI is asked for a new one once in a minute at most."""
    agent = make_agent(check_every='"0s"')
    agent.start()
    tag = agent.wait_for_key()["tag"]
    engine.openai.configure(errors={"service_account.create": "rate_limited"})
    before = engine.openai.state()["answers"]
    assert agent.post("/v1/keys/billing/rotate") == 202
    (failed,) = eventually(lambda: agent.logged("key.replacement_failed"), "the limit is met")
    assert failed["fault"] == "upstream"
    assert failed["retry_in"] >= 60, "so no second try within the minute"
    status = agent.status()
    assert (status["tag"], status["state"], status["last_fault"]["fault"]) == (
        tag,
        "fresh",
        "upstream",
    )
    assert engine.works(agent.key_file.read_text())
    after = engine.openai.state()["answers"]
    limited = "service_account.create"
    assert after[limited]["429"] - before[limited].get("429", 0) == 1


def test_openai_that_refuses_every_key(engine: Engine, make_agent: Callable[..., Agent]) -> None:
    agent = make_agent(check_every='"0s"')
    text = agent.config.read_text()
    agent.config.write_text(
        text.replace("[keys.billing.verify]", '[keys.billing.verify]\nprobe_every = "1s"')
    )
    agent.start()
    tag = agent.wait_for_key()["tag"]
    engine.openai.configure(errors={"models.list": "invalid_api_key"})
    (failed,) = eventually(
        lambda: agent.logged("key.replacement_failed"), "the fresh key is given up"
    )
    assert failed["fault"] == "refused"
    assert failed["retry_in"] >= 60
    status = agent.status()
    assert (status["tag"], status["state"]) == (tag, "fresh")
    assert agent.key_file.exists()
    eventually(lambda: engine.counts()["live"] == 1, "the fresh key's lease is revoked")
    assert engine.counts()["mints"] == 2, "no mint storm"
    engine.openai.configure()
    eventually(lambda: agent.status()["last_fault"] is None, "the old key is taken again")
    assert agent.status()["tag"] == tag
