from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from testbed.chaos import reader, tracing
from testbed.chaos.network_faults import TOXICS, poisoned
from testbed.chaos.outages import EARLY, LASTS, LEASE, at_replacement
from testbed.chaos.subjects import SUBJECTS
from testbed.recording_proxy import health

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from testbed.chaos.agent_run import AgentRun
    from testbed.toxiproxy import ToxiproxyServer
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


@pytest.mark.parametrize("kind", TOXICS)
def test_every_toxic_is_one_of_toxiproxys_and_ends(
    toxiproxy: ToxiproxyServer, vault: VaultServer, kind: str
) -> None:
    proxy = toxiproxy.proxy(f"chaos-{kind}", vault.address.removeprefix("http://"))
    agent_run = cast("AgentRun", SimpleNamespace(site=SimpleNamespace(network=proxy)))
    with poisoned(kind)(agent_run):
        (toxic,) = toxiproxy.request("GET", f"proxies/{proxy.name}/toxics")
        assert toxic["type"] == kind
        assert toxic["attributes"].items() >= TOXICS[kind].attributes.items()
    assert toxiproxy.request("GET", f"proxies/{proxy.name}/toxics") == []
    assert health(int(proxy.listen.rpartition(":")[2])) == 200
    proxy.remove()
