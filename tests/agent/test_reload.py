"""A configuration that changes under a running agent: what stays, what comes, and what goes."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.agent.harness import UnixConnection, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

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
def agent(make_agent: Callable[..., Agent]) -> Agent:
    agent = make_agent(extra='[log]\naudit_file = "audit"', overlap='"1s"')
    change(agent, "[vault]", "[vault]\nmax_mints_per_minute = 0")
    agent.start()
    agent.wait_for_key()
    return agent


@pytest.fixture
def second_key(engine: Engine) -> Callable[..., str]:
    def table(more: str = "") -> str:
        return SECOND_KEY.format(path=engine.path, base_url=engine.openai.base_url, more=more)

    return table


@pytest.fixture
def poller(agent: Agent) -> Iterator[None]:
    """A reader of file and socket that fails the test when it is ever without a whole key."""
    stop, bad = threading.Event(), []

    def poll() -> None:
        connection = UnixConnection(agent.directory / "freshkey.sock")
        while not stop.is_set():
            try:
                if not agent.key_file.read_text().startswith("sk-"):
                    bad.append("a part of a key")
                status, _, body = agent.get("/v1/keys/billing")
                if status != 200:
                    bad.append(f"{status}: {body!r}")
            except OSError as error:
                bad.append(f"{error!r}")
            time.sleep(0.002)
        connection.close()

    reader = threading.Thread(target=poll)
    reader.start()
    yield
    stop.set()
    reader.join()
    assert bad == []


def change(agent: Agent, old: str, new: str) -> None:
    """Replace a part of the configuration, as an editor does: by another file."""
    text = agent.config.read_text()
    assert old in text
    other = agent.config.with_name("config.new")
    other.write_text(text.replace(old, new, 1))
    other.replace(agent.config)


def reload(agent: Agent, event: str = "reload.done") -> dict[str, Any]:
    """Send SIGHUP, and wait until this is told once more."""
    before = len(agent.logged(event))
    assert agent.process is not None
    agent.process.send_signal(signal.SIGHUP)
    return eventually(lambda: agent.logged(event)[before:], event)[0]


def keys(agent: Agent) -> dict[str, dict[str, Any]]:
    return {key["name"]: key for key in json.loads(agent.get("/v1/keys")[2])}


@pytest.mark.usefixtures("poller")
def test_nothing_changes_without_a_change(agent: Agent, engine: Engine) -> None:
    before = agent.key()
    inode = agent.key_file.stat().st_ino
    for _ in range(3):
        reload(agent)
    after = agent.key()
    assert before is not None
    assert after is not None
    assert after["tag"] == before["tag"]
    assert agent.key_file.stat().st_ino == inode
    assert engine.counts()["mints"] == 1
    assert len(agent.logged("token.logged_in")) == 1
    assert agent.status()["started"] == json.loads(agent.get("/v1/status")[2])["started"]


@pytest.mark.usefixtures("poller")
def test_a_key_comes_and_goes(agent: Agent, engine: Engine, second_key: Callable[..., str]) -> None:
    text = agent.config.read_text()
    tag = keys(agent)["billing"]["tag"]
    change(agent, text, text + second_key('overlap = "2s"'))
    begun = reload(agent, "reload.begun")
    assert (begun["added"], begun["removed"], begun["changed"]) == (["search"], [], [])
    eventually((agent.directory / "keys" / "search").exists, "the second key's file")
    eventually(lambda: keys(agent)["search"]["state"] == "fresh" or None, "the second key")
    assert keys(agent)["billing"]["tag"] == tag
    assert engine.counts()["mints"] == 2

    change(agent, agent.config.read_text(), text)
    reload(agent)
    assert list(keys(agent)) == ["billing"]
    assert agent.get("/v1/keys/search")[0] == 404
    assert not (agent.directory / "keys" / "search").exists()
    assert engine.counts()["live"] == 2, "its readers have the overlap"
    eventually(lambda: engine.counts()["live"] == 1 or None, "the removed key's lease is revoked")
    assert keys(agent)["billing"]["tag"] == tag


@pytest.mark.usefixtures("poller")
def test_a_changed_source_is_replaced(agent: Agent, engine: Engine) -> None:
    before = agent.key()
    assert before is not None
    change(agent, 'overlap = "1s"', 'overlap = "1s"\nttl = "100s"')
    assert reload(agent, "reload.begun")["changed"] == ["billing"]
    after = agent.wait_for_key(other_than=before["tag"])
    assert after["generation"] == before["generation"] + 1
    assert 90 <= after["expires_in"] <= 100
    eventually(lambda: engine.counts()["live"] == 1 or None, "the old lease is revoked")


@pytest.mark.usefixtures("poller")
def test_other_options_of_a_key_keep_its_lease(agent: Agent, engine: Engine) -> None:
    before = agent.key()
    assert before is not None
    extra = '[[keys.billing.files]]\npath = "keys/env"\nformat = "env"\n[[keys.billing.hooks]]\n'
    change(agent, "[log]", f'{extra}on = "both"\ncommand = ["touch", "hooked"]\n[log]')
    reload(agent)
    env = agent.directory / "keys" / "env"
    assert env.read_text() == f"OPENAI_API_KEY={before['key']}\n"
    change(agent, "keys/env", "keys/moved")
    reload(agent)
    assert (agent.directory / "keys" / "moved").exists()
    assert not env.exists(), "nobody would write it again"
    assert engine.counts()["mints"] == 1


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("[vault]", "[vault", "is not valid TOML"),
        ("overlap", "overlapp", "keys.billing.overlapp: is unknown"),
        ('directory = "state"', 'directory = "other"', "state.directory: can't change while"),
        ('path = "keys/billing"', 'path = "/proc/billing"', "keys.billing.files[0].path: "),
        ('socket = "freshkey.sock"', 'socket = "nobody/../../../proc/a.sock"', "server: "),
    ],
)
@pytest.mark.usefixtures("poller")
def test_a_configuration_with_a_fault_changes_nothing(
    agent: Agent, old: str, new: str, fault: str
) -> None:
    before = agent.key()
    text = agent.config.read_text()
    change(agent, old, new)
    told = reload(agent, "reload.refused")
    assert fault in told["message"]
    assert before is not None
    assert (agent.key() or {})["tag"] == before["tag"]
    change(agent, agent.config.read_text(), text)
    reload(agent)


def test_sockets_and_rules_change(agent: Agent, tmpfs_path: Path) -> None:
    credential = '[keys.billing.credential]\nsocket = "billing.cred"\n'
    change(agent, "[log]", f"{credential}[log]")
    reload(agent)
    assert (tmpfs_path / "billing.cred").is_socket()
    inode = (tmpfs_path / "freshkey.sock").stat().st_ino
    change(agent, 'socket = "freshkey.sock"', 'socket = "freshkey.sock"\nmode = "0600"')
    reload(agent)
    status = (tmpfs_path / "freshkey.sock").stat()
    assert (status.st_ino, status.st_mode & 0o777) == (inode, 0o600)
    change(agent, credential, '[[keys.billing.allow]]\nuser = "12345"\n')
    reload(agent)
    assert not (tmpfs_path / "billing.cred").exists()
    assert agent.get("/v1/keys/billing")[0] == 403
    change(agent, 'user = "12345"', 'user = "root"')
    reload(agent)
    assert agent.get("/v1/keys/billing")[0] == 200
    change(agent, "freshkey.sock", "moved.sock")
    reload(agent)
    assert (tmpfs_path / "moved.sock").is_socket()
    assert not (tmpfs_path / "freshkey.sock").exists()


def test_who_waits_is_told_and_finds_the_next_one(agent: Agent) -> None:
    """A watcher holds an old rule until it asks again: it has to."""
    before = agent.key()
    assert before is not None
    connection = UnixConnection(agent.directory / "freshkey.sock")
    headers = {"If-None-Match": f'"{before["tag"]}"'}
    connection.request("GET", "/v1/keys/billing?wait=30s", headers=headers)
    time.sleep(0.2)
    reload(agent)
    answer = connection.getresponse()
    assert answer.status == 503
    assert json.loads(answer.read())["code"] == "stopping"
    connection.close()


@pytest.mark.usefixtures("poller")
def test_a_mint_under_way_is_waited_for(agent: Agent, engine: Engine) -> None:
    before = agent.key()
    assert before is not None
    engine.openai.configure(delay_before={"service_account.create": 1.5})
    assert agent.post("/v1/keys/billing/rotate") == 202
    eventually(lambda: len(agent.logged("key.mint_intended")) == 2 or None, "the mint")
    reload(agent)
    after = agent.wait_for_key(other_than=before["tag"])
    assert after["generation"] == before["generation"] + 1
    assert engine.counts()["mints"] == 2
    assert agent.logged("mint.abandoned") == []
    eventually(lambda: engine.counts()["live"] == 1 or None, "no key is left over")


def test_a_stop_during_a_reload_stops(agent: Agent, engine: Engine) -> None:
    engine.openai.configure(delay_before={"service_account.create": 1.5})
    assert agent.post("/v1/keys/billing/rotate") == 202
    eventually(lambda: len(agent.logged("key.mint_intended")) == 2 or None, "the mint")
    reload(agent, "reload.begun")
    assert agent.end() == 0
    assert agent.logged("agent.stopped")
    assert not (agent.directory / "freshkey.sock").exists()


def test_logs_go_where_the_new_configuration_says(agent: Agent) -> None:
    change(agent, 'audit_file = "audit"', 'audit_file = "other"\nlevel = "debug"')
    reload(agent)
    assert (agent.key() or {})["tag"]
    read = (agent.directory / "other").read_text()
    assert '"event": "key.read"' in read


def test_a_change_of_the_file_is_enough(agent: Agent) -> None:
    time.sleep(3)  # it looks once the start is over
    change(agent, 'overlap = "1s"', 'overlap = "3s"')
    (told,) = eventually(lambda: agent.logged("reload.begun"), "the change")
    assert told["changed"] == ["billing"]
    eventually(lambda: agent.logged("reload.done"), "the reload")
    time.sleep(1.5)
    assert len(agent.logged("reload.begun")) == 1, "one change is one reload"


def test_a_file_behind_links_as_in_a_config_map(
    make_agent: Callable[..., Agent], tmpfs_path: Path
) -> None:
    agent = make_agent()
    text = agent.config.read_text()
    mounted = tmpfs_path / "mounted"
    (mounted / "..first").mkdir(parents=True)
    (mounted / "..first" / "config.toml").write_text(text)
    (mounted / "..data").symlink_to("..first")
    agent.config.unlink()
    agent.config.symlink_to("mounted/config.toml")
    (mounted / "config.toml").symlink_to("..data/config.toml")
    shutil.copy(tmpfs_path / "secret_id", mounted / "secret_id")
    agent.start()
    agent.wait_for_key()
    time.sleep(3)  # it looks once the start is over
    (mounted / "..second").mkdir()
    (mounted / "..second" / "config.toml").write_text(f"# changed\n{text}")
    (mounted / "..new").symlink_to("..second")
    (mounted / "..new").replace(mounted / "..data")
    eventually(lambda: agent.logged("reload.done"), "the change is seen")
    assert agent.key() is not None


def test_the_protocol_of_notify_reload(make_agent: Callable[..., Agent], tmpfs_path: Path) -> None:
    """As systemd 253 wants it: RELOADING with the time, then READY (sd_notify(3))."""
    agent = make_agent()
    path = tmpfs_path / "notify"
    agent.environment["NOTIFY_SOCKET"] = str(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(path))
        channel.settimeout(10)

        def heard(wanted: str) -> list[str]:
            """Read until this is said; what else was said in the same breath is returned, too."""
            while True:
                said = channel.recv(4096).decode().splitlines()
                if wanted in said:
                    return said

        agent.start()
        heard("READY=1")
        for old, event in ((None, "reload.done"), ("[vault]", "reload.refused")):
            if old is not None:
                change(agent, old, "[nonsense")
            asked = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            reload(agent, event)
            _, at = heard("RELOADING=1")
            assert asked <= int(at.removeprefix("MONOTONIC_USEC=")) <= asked + 10_000_000
            heard("READY=1")


def test_metrics_go_on_over_a_reload(agent: Agent, second_key: Callable[..., str]) -> None:
    def scraped() -> dict[str, float]:
        status, headers, body = agent.get("/metrics")
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
    change(agent, "[log]", f"{second_key()}[log]")
    reload(agent)
    eventually(lambda: keys(agent)["search"]["state"] == "fresh" or None, "the second key")
    agent.get("/v1/keys/unknown")
    after = scraped()
    assert after['freshkey_rotations_total{key="billing",reason="first"}'] == 1
    assert after['freshkey_rotations_total{key="search",reason="first"}'] == 1
    assert after['freshkey_reads_total{key="",outcome="unknown_key",via="get"}'] == 1
    assert after.keys() >= first.keys()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def over_tcp(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_health_over_tcp_and_never_a_key(agent: Agent) -> None:
    first, second = free_port(), free_port()
    change(agent, "[server]", f'[server]\nhealth = "127.0.0.1:{first}"')
    reload(agent)
    assert over_tcp(first, "/livez") == (200, b"ok\n")
    assert over_tcp(first, "/readyz/billing") == (200, b"ok\n")
    assert b"freshkey_key_generation" in over_tcp(first, "/metrics")[1]
    for path in ("/v1/keys/billing", "/v1/keys", "/v1/status", "/", "/livez/../v1/keys"):
        assert over_tcp(first, path)[0] == 404
    assert over_tcp(first, "/v1/keys/billing/rotate", "POST")[0] == 404

    change(agent, f":{first}", f":{second}")
    reload(agent)
    assert over_tcp(second, "/readyz")[0] == 200
    with pytest.raises(ConnectionRefusedError):
        over_tcp(first, "/livez")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        change(agent, f":{second}", f":{taken.getsockname()[1]}")
        told = reload(agent, "reload.refused")
    assert "Address already in use" in told["message"]
    assert over_tcp(second, "/livez")[0] == 200, "what was, stays"


def test_a_start_without_its_port_is_refused(make_agent: Callable[..., Agent]) -> None:
    agent = make_agent()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        change(agent, "[server]", f'[server]\nhealth = "127.0.0.1:{port}"')
        done = agent.command("run")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"freshkey: server.health: 127.0.0.1:{port}: Address already in use: name an address of "
        "this machine that is free"
    )


def test_no_request_is_lost_in_a_reload(agent: Agent) -> None:
    assert agent.process is not None
    for pause in (0.0, 0.003, 0.006, 0.01, 0.015, 0.02, 0.03):
        before = agent.key()
        assert before is not None
        done = len(agent.logged("reload.done"))
        agent.process.send_signal(signal.SIGHUP)
        time.sleep(pause)
        if agent.post("/v1/keys/billing/rotate") == 202:
            agent.wait_for_key(other_than=before["tag"])
        eventually(lambda done=done: len(agent.logged("reload.done")) > done or None, "a reload")  # type: ignore[misc]


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
    assert (engine.counts()["live"] > 0) == (on_stop == "keep")
    assert agent.key_file.exists() == (on_stop == "keep")


def test_another_cluster_is_no_matter_of_a_reload(agent: Agent, engine: Engine) -> None:
    before = agent.key()
    address = engine.vault.address
    change(agent, address, "http://127.0.0.1:9")
    told = reload(agent, "reload.refused")
    assert told["message"].startswith("vault.address: names no node of the Vault that the keys")
    assert agent.key() is not None
    assert before is not None
    change(agent, '"http://127.0.0.1:9"', f'"http://127.0.0.1:9"\naddresses = ["{address}"]')
    reload(agent)
    assert (agent.key() or {})["tag"] == before["tag"]


def test_reloads_leave_nothing_behind(agent: Agent) -> None:
    assert agent.process is not None
    descriptors = f"/proc/{agent.process.pid}/fd"
    reload(agent)
    agent.get("/v1/keys/billing")
    time.sleep(3)  # what an old server had under way has ended, and the file's watcher is there
    before = len(os.listdir(descriptors))  # noqa: PTH208 - a count alone
    for _ in range(10):
        reload(agent)
        agent.get("/v1/keys/billing")
    eventually(
        lambda: len(os.listdir(descriptors)) <= before or None,  # noqa: PTH208 - as above
        "no descriptor is left behind",
    )


def test_a_group_that_is_named_no_more_is_taken_back(agent: Agent, tmpfs_path: Path) -> None:
    path = tmpfs_path / "freshkey.sock"
    usual = path.stat().st_gid
    change(agent, "[server]", '[server]\ngroup = "12345"')
    reload(agent)
    assert path.stat().st_gid == 12345
    change(agent, 'group = "12345"\n', "")
    reload(agent)
    assert path.stat().st_gid == usual


def test_a_hook_under_way_runs_to_its_end_under_the_next_configuration(agent: Agent) -> None:
    hook = '[[keys.billing.hooks]]\ncommand = ["sh", "-c", "sleep 0.5; echo x >> ran"]\n'
    change(agent, "[log]", f"{hook}[log]".replace("ran", str(agent.directory / "ran")))
    reload(agent)
    before = agent.key()
    assert before is not None
    assert agent.post("/v1/keys/billing/rotate") == 202
    agent.wait_for_key(other_than=before["tag"])
    reload(agent)
    eventually(lambda: agent.logged("hook.done") or None, "the hook runs")
    time.sleep(1)
    assert (agent.directory / "ran").read_text() == "x\n", "one at a time, and once in the end"


def test_a_start_that_can_not_remove_a_journal_says_so(make_agent: Callable[..., Agent]) -> None:
    agent = make_agent()
    change(agent, 'directory = "state"', 'directory = "state"\npersist = false')
    agent.journal.mkdir(parents=True)
    agent.journal.parent.chmod(0o700)
    done = agent.command("run")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert f"freshkey: {agent.journal}: " in done.stderr.splitlines()[-1]
