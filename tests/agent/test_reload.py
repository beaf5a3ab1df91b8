"""Keys whose configuration changes under a running agent: what stays, what comes, and what goes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.agent.harness import eventually
from tests.agent.reconfiguring import change, reload

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Agent, Engine

SECOND_KEY = """
[keys.search]
path = "{path}"
{more}
[keys.search.verify]
base_url = "{base_url}"
[[keys.search.files]]
path = "keys/search"
"""


@pytest.fixture
def second_key(engine: Engine) -> Callable[..., str]:
    def table(more: str = "") -> str:
        return SECOND_KEY.format(path=engine.path, base_url=engine.openai.base_url, more=more)

    return table


def keys(agent: Agent) -> dict[str, dict[str, Any]]:
    return {key["name"]: key for key in json.loads(agent.get("/v1/keys")[2])}


@pytest.mark.usefixtures("poller")
def test_nothing_changes_without_a_change(reloadable: Agent, engine: Engine) -> None:
    before, started = reloadable.key(), reloadable.status()["started"]
    inode = reloadable.key_file.stat().st_ino
    for _ in range(3):
        reload(reloadable)
    after = reloadable.key()
    assert before is not None
    assert after is not None
    assert after["tag"] == before["tag"]
    assert reloadable.key_file.stat().st_ino == inode
    assert engine.counts()["mints"] == 1
    assert len(reloadable.told("token.logged_in")) == 1
    assert reloadable.status()["started"] == started
    assert reloadable.journal.exists()
    assert not list(reloadable.journal.parent.glob("*.unreadable-*")), (
        "its own journal is no stranger's"
    )
    assert not [line for line in reloadable.log() if line["event"].startswith("journal.")]


@pytest.mark.usefixtures("poller")
def test_a_key_comes_and_goes(
    reloadable: Agent, engine: Engine, second_key: Callable[..., str]
) -> None:
    text = reloadable.config.read_text()
    tag = keys(reloadable)["billing"]["tag"]
    change(reloadable, text, text + second_key('overlap = "2s"'))
    begun = reload(reloadable, "reload.begun")
    assert (begun["added"], begun["removed"], begun["changed"]) == (["search"], [], [])
    eventually((reloadable.directory / "keys" / "search").exists, "the second key's file")
    eventually(lambda: keys(reloadable)["search"]["state"] == "fresh" or None, "the second key")
    assert keys(reloadable)["billing"]["tag"] == tag
    assert engine.counts()["mints"] == 2

    change(reloadable, reloadable.config.read_text(), text)
    reload(reloadable)
    assert list(keys(reloadable)) == ["billing"]
    assert reloadable.get("/v1/keys/search")[0] == 404
    assert not (reloadable.directory / "keys" / "search").exists()
    assert engine.counts()["live"] == 2, "its readers have the overlap"
    eventually(lambda: engine.counts()["live"] == 1 or None, "the removed key's lease is revoked")
    assert keys(reloadable)["billing"]["tag"] == tag


@pytest.mark.usefixtures("poller")
def test_a_changed_source_is_replaced(reloadable: Agent, engine: Engine) -> None:
    before = reloadable.key()
    assert before is not None
    change(reloadable, 'overlap = "1s"', 'overlap = "1s"\nttl = "100s"')
    assert reload(reloadable, "reload.begun")["changed"] == ["billing"]
    after = reloadable.wait_for_key(other_than=before["tag"])
    assert after["generation"] == before["generation"] + 1
    assert 90 <= after["expires_in"] <= 100
    eventually(lambda: engine.counts()["live"] == 1 or None, "the old lease is revoked")


@pytest.mark.usefixtures("poller")
def test_other_options_of_a_key_keep_its_lease(reloadable: Agent, engine: Engine) -> None:
    before = reloadable.key()
    assert before is not None
    extra = '[[keys.billing.files]]\npath = "keys/env"\nformat = "env"\n[[keys.billing.hooks]]\n'
    change(reloadable, "[log]", f'{extra}on = "both"\ncommand = ["touch", "hooked"]\n[log]')
    reload(reloadable)
    env = reloadable.directory / "keys" / "env"
    assert env.read_text() == f"OPENAI_API_KEY={before['key']}\n"
    change(reloadable, "keys/env", "keys/moved")
    reload(reloadable)
    assert (reloadable.directory / "keys" / "moved").exists()
    assert not env.exists(), "nobody would write it again"
    assert engine.counts()["mints"] == 1


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("[vault]", "[vault", "is not valid TOML"),
        ("overlap", "overlapp", "keys.billing.overlapp: is unknown"),
        ('directory = "state"', 'directory = "other"', "state.directory: can't change while"),
        ('path = "keys/billing"', 'path = "/proc/billing"', "keys.billing.files[0].path: "),
        (
            'socket = "freshkey.sock"',
            'socket = "nobody/../../../proc/a.sock"',
            "proc/a.sock: the socket can't be made",
        ),
    ],
)
@pytest.mark.usefixtures("poller")
def test_a_configuration_with_a_fault_changes_nothing(
    reloadable: Agent, old: str, new: str, fault: str
) -> None:
    before = reloadable.key()
    text = reloadable.config.read_text()
    change(reloadable, old, new)
    told = reload(reloadable, "reload.refused")
    assert fault in told["message"]
    assert before is not None
    assert (reloadable.key() or {})["tag"] == before["tag"]
    change(reloadable, reloadable.config.read_text(), text)
    reload(reloadable)


def test_another_cluster_is_no_matter_of_a_reload(reloadable: Agent, engine: Engine) -> None:
    before = reloadable.key()
    address = engine.vault.address
    change(reloadable, address, "http://127.0.0.1:9")
    told = reload(reloadable, "reload.refused")
    assert told["message"].startswith("vault.address: names no node of the Vault that the keys")
    assert reloadable.key() is not None
    assert before is not None
    change(reloadable, '"http://127.0.0.1:9"', f'"http://127.0.0.1:9"\naddresses = ["{address}"]')
    reload(reloadable)
    assert (reloadable.key() or {})["tag"] == before["tag"]


def test_metrics_go_on_over_a_reload(reloadable: Agent, second_key: Callable[..., str]) -> None:
    def scraped() -> dict[str, float]:
        status, headers, body = reloadable.get("/metrics")
        assert (status, headers["Content-Type"].partition(";")[0]) == (200, "text/plain")
        lines = (line for line in body.decode().splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    first = scraped()
    assert first['freshkey_rotations_total{key="billing",reason="first"}'] == 1
    assert first['freshkey_mints_total{key="billing",outcome="ok"}'] == 1
    assert 0 < first['freshkey_key_expires_seconds{key="billing"}'] <= 300
    assert first["freshkey_token_expires_seconds"] > 3000
    assert first['freshkey_vault_request_seconds_count{operation="mint"}'] == 1
    assert first["freshkey_publish_seconds_count"] >= 1
    assert first['freshkey_reads_total{key="billing",outcome="served",via="get"}'] >= 1
    change(reloadable, "[log]", f"{second_key()}[log]")
    reload(reloadable)
    eventually(lambda: keys(reloadable)["search"]["state"] == "fresh" or None, "the second key")
    reloadable.get("/v1/keys/unknown")
    after = scraped()
    assert after['freshkey_rotations_total{key="billing",reason="first"}'] == 1
    assert after['freshkey_rotations_total{key="search",reason="first"}'] == 1
    assert after['freshkey_reads_total{key="",outcome="unknown_key",via="get"}'] == 1
    assert after.keys() >= first.keys()
