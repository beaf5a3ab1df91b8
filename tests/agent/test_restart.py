from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from testbed.toxiproxy import ToxiproxyServer
    from tests.agent.harness import Agent, Engine


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_five_restarts_keep_the_key(
    engine: Engine, make_agent: Callable[..., Agent], number: int
) -> None:
    engine.set_ttl("60s")
    agent = make_agent()
    agent.start()
    first = agent.wait_for_key()
    for _ in range(5):
        agent.end(number)
        assert agent.key_file.read_text() == first["key"]
        agent.start()
        again = agent.wait_for_key()
        assert (again["tag"], again["key"]) == (first["tag"], first["key"])
        # The socket answers before the thread that writes the log has had its turn.
        eventually(lambda: agent.logged("journal.adopted"), "the adopted journal in the log")
    counts = engine.counts()
    assert (counts["live"], counts["mints"]) == (1, 1)
    assert len(agent.told("token.logged_in")) == 1


def test_journal_is_served_while_vault_is_away(
    engine: Engine, make_agent: Callable[..., Agent], toxiproxy: ToxiproxyServer
) -> None:
    proxy = toxiproxy.proxy(engine.mount, engine.vault.address.removeprefix("http://"))
    agent = make_agent(address=f"http://{proxy.listen}")
    agent.start()
    first = agent.wait_for_key()
    agent.end(signal.SIGKILL)
    proxy.cut()
    agent.start()
    again = agent.wait_for_key()
    assert again["tag"] == first["tag"]
    eventually(lambda: agent.logged("vault.away"), "the outage is told")
    proxy.restore()
    eventually(lambda: agent.logged("vault.back"), "the return is told")
    assert engine.counts()["mints"] == 1
    proxy.remove()


def test_revoke_on_stop_leaves_nothing(engine: Engine, make_agent: Callable[..., Agent]) -> None:
    agent = make_agent(on_stop='"revoke"')
    agent.start()
    agent.wait_for_key()
    assert agent.end() == 0
    assert not agent.key_file.exists()
    eventually(lambda: engine.counts()["live"] == 0, "the key is deleted at OpenAI")


def test_a_second_agent_says_who_holds_the_state(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    agent = make_agent()
    agent.start()
    first = agent.wait_for_key()
    assert agent.process is not None
    for command in ("run", "once"):
        second = agent.command(command)
        assert second.returncode == 1
        assert f"process {agent.process.pid}" in second.stderr
        assert len(second.stderr.splitlines()) == 1
    assert agent.wait_for_key()["tag"] == first["tag"]
    assert engine.counts()["mints"] == 1


def test_once_leaves_everything_for_run(engine: Engine, make_agent: Callable[..., Agent]) -> None:
    agent = make_agent(on_stop='"revoke"')
    done = agent.command("once")
    assert (done.returncode, agent.key_file.exists()) == (0, True), done.stderr
    agent.start()
    assert agent.wait_for_key()["key"] == agent.key_file.read_text()
    assert engine.counts()["mints"] == 1


def test_without_a_journal_a_stop_leaves_nothing_that_the_next_start_would_not_know(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    agent = make_agent()
    text = agent.config.read_text().replace("[state]", "[state]\npersist = false", 1)
    agent.config.write_text(text)
    for _ in range(2):
        agent.start()
        agent.wait_for_key()
        assert agent.end() == 0
        assert not agent.key_file.exists()
    assert not agent.journal.exists()
    assert len(agent.logged("token.revoked")) == len(agent.logged("token.logged_in")) == 2
    eventually(lambda: engine.counts()["live"] == 0, "the keys end with their tokens")


def test_without_a_journal_once_would_leave_keys_that_nobody_ends(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    agent = make_agent()
    text = agent.config.read_text().replace("[state]", "[state]\npersist = false", 1)
    agent.config.write_text(text)
    done = agent.command("once")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert done.stderr.startswith("state.persist: is false, so the run that follows would not know")
    assert not agent.key_file.exists()
    assert not engine.tokens(), "Vault was not asked"
    assert engine.counts()["mints"] == 0
