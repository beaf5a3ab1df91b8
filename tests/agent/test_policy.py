"""The policy that `freshkey policy` prints: it is enough, and nothing of it can be left out."""

from __future__ import annotations

import json
import signal
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.provisioning.needs import Need, needs
from freshkey.provisioning.policy import hcl
from freshkey.settings import load

from tests.agent.harness import Agent, Engine, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_NUMBERS = count(1)
MISSING = (
    "creds/billing",
    "sys/leases/revoke/",
    "auth/token/lookup-self",
    "auth/token/renew-self",
    "auth/token/revoke-self",
    "sys/leases/renew",
    "sys/leases/lookup",
    "sys/capabilities-self",
)


class Record:
    """Vault's audit log from now on: all that it was asked."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def answers(self) -> list[dict[str, Any]]:
        whole, _, _ = self._path.read_text().rpartition("\n")  # the last may be being written
        lines = map(json.loads, whole.splitlines())
        return [line for line in lines if line["type"] == "response"]

    def asked(self, path: str) -> int:
        """How often, so far."""
        return sum(line["request"]["path"].startswith(path) for line in self.answers())

    def refused(self) -> list[str]:
        """The paths of requests that Vault answered with 403."""
        return [
            line["request"]["path"]
            for line in self.answers()
            if "permission denied" in line.get("error", "")
        ]


@pytest.fixture
def record(engine: Engine, tmp_path: Path) -> Iterator[Record]:
    device = f"sys/audit/policy-{next(_NUMBERS)}"
    path = tmp_path / "audit"
    engine.vault.request("PUT", device, {"type": "file", "options": {"file_path": str(path)}})
    yield Record(path)
    engine.vault.request("DELETE", device)


@pytest.fixture
def make_confined(engine: Engine, make_agent: Callable[..., Agent]) -> Callable[..., Agent]:
    """Make an agent whose token has the printed policy alone; `role` is of its AppRole."""

    def make(role: dict[str, object] | None = None, **options: str) -> Agent:
        agent = make_agent(**options)
        printed = agent.command("policy")
        assert (printed.returncode, printed.stderr) == (0, "")
        engine.vault.write_policy(engine.mount, printed.stdout)
        terms = {"token_no_default_policy": True, "token_period": "1h", **(role or {})}
        engine.vault.request("POST", f"auth/{engine.mount}/role/agent", terms)
        return agent

    return make


def wanted(agent: Agent) -> tuple[Need, ...]:
    return needs(load(agent.config, {}))


def take_away(engine: Engine, agent: Agent, path: str) -> Need:
    """Leave one capability out of the policy; return it."""
    taken = next(need for need in wanted(agent) if path in need.path)
    engine.vault.write_policy(engine.mount, hcl(n for n in wanted(agent) if n != taken))
    return taken


def test_a_whole_life_without_a_403(
    engine: Engine, make_confined: Callable[..., Agent], record: Record
) -> None:
    # Renewed at half its period; what is left outlasts a restart on a busy machine.
    agent = make_confined(
        {"token_period": "12s"}, check_every='"1s"', overlap='"1s"', on_stop='"revoke"'
    )
    agent.start()
    first = agent.wait_for_key()
    for path in ("auth/token/renew-self", "sys/leases/lookup"):  # which come by themselves
        eventually(partial(record.asked, path), path)
    assert agent.post("/v1/keys/billing/rotate") == 202
    second = agent.wait_for_key(other_than=first["tag"])
    eventually(lambda: engine.counts()["live"] == 1, "the old key's revocation")
    agent.end(signal.SIGKILL)
    looked_up = record.asked("sys/leases/lookup")
    agent.start()
    assert agent.wait_for_key()["tag"] == second["tag"]
    # A lookup that crosses the revocation of its token at the end would be answered with 403.
    eventually(lambda: record.asked("sys/leases/lookup") > looked_up, "a lookup after the restart")
    assert agent.end() == 0
    eventually(lambda: engine.counts()["live"] == 0, "the revocation of all")
    assert record.asked("auth/token/revoke-self")
    assert record.asked(f"sys/leases/revoke/{engine.path}/")
    assert record.refused() == []


def test_renewable_leases_without_a_403(
    engine: Engine, make_confined: Callable[..., Agent], record: Record
) -> None:
    engine.set_ttl("4s", renewable=True)
    agent = make_confined(overlap='"0s"')
    agent.start()
    agent.wait_for_key()
    eventually(lambda: record.asked("sys/leases/renew"), "a renewal")
    assert record.refused() == []


def test_nothing_is_missing_and_nothing_is_left_behind(
    engine: Engine, make_confined: Callable[..., Agent], record: Record
) -> None:
    agent = make_confined()
    done = agent.command("check", "--online", "--json")
    assert json.loads(done.stdout)["faults"] == []
    assert (done.returncode, done.stderr) == (0, "")
    assert engine.counts()["mints"] == 0
    assert record.refused() == []
    logins = [line for line in record.answers() if line["request"]["path"].endswith("/login")]
    revoked = [line for line in record.answers() if line["request"]["path"].endswith("revoke-self")]
    assert len(logins) == len(revoked) == 1
    assert not agent.journal.parent.exists()


@pytest.mark.parametrize("missing", MISSING)
def test_one_capability_is_missing(
    engine: Engine, make_confined: Callable[..., Agent], missing: str
) -> None:
    agent = make_confined()
    taken = take_away(engine, agent, missing)
    done = agent.command("check", "--online")
    assert done.returncode == 1
    failures = [line for line in done.stdout.splitlines() if line.startswith("✗")]
    assert any(str(taken) in line and "policy" in line for line in failures), done.stdout


# Without these two a life as below meets no 403: a token is looked up after a reboot or a jump of
# the clock, and only `check --online` asks for capabilities.
SELDOM = ("auth/token/lookup-self", "sys/capabilities-self")


@pytest.mark.parametrize("missing", [path for path in MISSING if path not in SELDOM])
def test_run_stumbles_over_a_missing_capability(
    engine: Engine, make_confined: Callable[..., Agent], record: Record, missing: str
) -> None:
    engine.set_ttl("6s" if missing == "sys/leases/renew" else "1h", renewable=True)
    options = {"check_every": '"1s"', "overlap": '"0s"', "on_stop": '"revoke"'}
    agent = make_confined({"token_period": "8s"}, **options)
    take_away(engine, agent, missing)
    agent.start()
    if missing != "creds/billing":
        agent.wait_for_key()
    if missing == "sys/leases/revoke/":
        assert agent.post("/v1/keys/billing/rotate") == 202
    if missing == "auth/token/revoke-self":
        agent.end()
    eventually(lambda: any(missing in path for path in record.refused()), missing)


def test_each_capability_is_tried_above(make_confined: Callable[..., Agent]) -> None:
    assert len(wanted(make_confined())) == len(MISSING)
