"""The agent under a real systemd as process 1: start, log, watchdog, crashes, reloads, stops."""

from __future__ import annotations

import json
import time

import pytest

from tests.agent.harness import eventually
from tests.docs.pages import commands
from tests.systemd.conftest import Service

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(300)]


def test_start_returns_when_the_key_is_published(service: Service) -> None:
    service.configure()
    service.machine.shell(commands("start"))
    assert service.engine.works(service.key_file())
    assert service.show("ActiveState") == "active"
    assert service.show("StatusText").startswith("billing: ")
    assert service.show("StatusText").endswith(" s")
    # MemorySwapMax= needs cgroup v2, which this computer may lack; nothing else is to be told.
    warnings = service.log("--priority=warning").splitlines()
    assert [line for line in warnings if "state.swappable" not in line] == []


def test_events_have_their_fields_in_the_journal(service: Service) -> None:
    service.configure()
    service.systemctl("start", service.unit)
    matches = ("FRESHKEY_EVENT=key.published", "FRESHKEY_KEY=billing", "PRIORITY=6")
    published = eventually(lambda: service.log(*matches) or None, "the event")
    assert published.startswith("key.published ")
    assert f" tag={(service.get() or {})['tag']} " in published
    assert "sk-" not in service.log("--output=verbose")


def test_lines_of_json_are_in_the_journal_as_they_are(service: Service) -> None:
    service.configure(log='format = "json"')
    service.systemctl("start", service.unit)
    published = eventually(lambda: service.log("--grep=key.published") or None, "the event")
    assert json.loads(published)["event"] == "key.published"


@pytest.mark.parametrize("name", ["config", "other"])
def test_init_writes_what_the_unit_needs(service: Service, name: str) -> None:
    """From its questions to a key file for a group, by the commands that it prints."""
    machine, engine = service.machine, service.engine
    unit = "freshkey.service" if name == "config" else f"freshkey@{name}.service"
    directory = "/run/freshkey" if name == "config" else f"/run/freshkey-{name}"
    made = Service(machine, engine, unit, directory)
    path = f"/etc/freshkey/{name}.toml"
    flags = f"--address {engine.vault.address} --path {engine.path} --key billing --group mail"
    try:
        machine.shell(f"rm -f {path}")
        said = machine.shell(f"/opt/freshkey/bin/freshkey init --config {path} {flags}")
        with machine.path(path).open("a") as file:
            file.write(f'[keys.billing.verify]\nbase_url = "{engine.openai.base_url}"\n')
        machine.shell(f"sed -i 's,^method,mount = \"{engine.mount}\"\\nmethod,' {path}")
        machine.write("/etc/freshkey/role_id", engine.role_id)
        secret_id = "secret_id" if name == "config" else f"{name}.secret_id"
        machine.write(f"/etc/freshkey/{secret_id}", engine.secret_id, 0o600)
        lines = [line.partition("  #")[0].strip() for line in said.splitlines()[1:]]
        group, _, start, check = lines
        for command in (group, start, check):
            machine.shell(f"PATH=/opt/freshkey/bin:$PATH; {command}")
        shown = machine.run("ls", "-l", f"{directory}/keys/billing").stdout
        assert shown.startswith("-r--r----- 1 freshkey mail ")
        assert engine.works(made.key_file())
    finally:
        made.forget()


def test_a_login_without_a_secret_id_needs_no_file_for_one(service: Service) -> None:
    service.configure()
    order = {"policies": [service.engine.mount], "ttl": "1h"}
    made = service.engine.vault.request("POST", "auth/token/create", order)
    token = made["auth"]["client_token"]
    service.machine.write("/etc/freshkey/token", token, 0o644)
    service.machine.shell(
        "rm /etc/freshkey/secret_id\n"
        'sed -i \'/^mount/d; /^role_id/d; s,^secret_id_file.*,method = "token"\\n'
        'token_file = "token",\' /etc/freshkey/config.toml'
    )
    service.systemctl("start", service.unit)
    assert service.engine.works(service.key_file())


def test_start_waits_for_vault(service: Service) -> None:
    """Type=notify: a unit that is ordered after it starts with the first key."""
    service.configure()
    service.add_example("ordered")
    service.engine.vault.process.freeze()
    try:
        service.systemctl("start", "--no-block", "ordered.service")
        eventually(lambda: service.pid or None, "the agent's process")
        time.sleep(1)  # what must not happen has had its time
        assert service.show("ActiveState") == "activating"
        assert service.systemctl("is-active", "ordered.service", check=False) == "inactive"
    finally:
        service.engine.vault.process.thaw()
    eventually(lambda: service.show("ActiveState") == "active" or None, "ready")
    eventually(
        lambda: service.systemctl("is-active", "ordered.service", check=False) == "active" or None,
        "the unit that is ordered after it",
    )
    assert service.machine.run("cat", "/run/ordered-key").stdout == service.key_file()


def test_an_invalid_configuration_is_not_tried_again(service: Service) -> None:
    service.configure(more="nonsense = 1")
    service.systemctl("start", service.unit, check=False)
    eventually(lambda: service.show("ActiveState") == "failed" or None, "a failed start")
    assert service.show("NRestarts") == "0"
    eventually(lambda: "nonsense: is unknown" in service.log() or None, "what is wrong")


def test_a_killed_agent_goes_on_with_its_key(service: Service) -> None:
    service.configure()
    service.systemctl("start", service.unit)
    before = service.get()
    assert before is not None
    service.systemctl("kill", "--signal=KILL", service.unit)
    eventually(lambda: service.show("NRestarts") == "1" or None, "a restart")
    assert service.key_file() == before["key"]
    after = eventually(service.get, "an answer")
    assert after["tag"] == before["tag"]
    assert service.engine.counts()["mints"] == 1
    assert "rebooted=false" in service.log()


def test_a_frozen_agent_is_killed_and_started_again(service: Service) -> None:
    """With the watchdog's time cut down: what counts is that it bites."""
    service.configure()
    service.machine.write(
        "/etc/systemd/system/freshkey.service.d/watchdog.conf", "[Service]\nWatchdogSec=3\n"
    )
    service.systemctl("daemon-reload")
    service.systemctl("start", service.unit)
    first, tag = service.pid, (service.get() or {})["tag"]
    time.sleep(5)  # an agent that lives is left alone
    assert service.pid == first
    service.machine.shell(f"kill -STOP {first}")
    eventually(lambda: service.show("NRestarts") == "1" or None, "the watchdog")
    eventually(lambda: service.show("ActiveState") == "active" or None, "ready again")
    assert service.pid != first
    assert (service.get() or {})["tag"] == tag
    assert service.engine.counts()["mints"] == 1


def test_a_reload_is_seen_to_its_end(service: Service) -> None:
    service.configure()
    service.systemctl("start", service.unit)
    first, tag = service.pid, (service.get() or {})["tag"]
    again = '[[keys.billing.files]]\npath = "/run/freshkey/keys/again"'
    service.configure(more=again)
    service.systemctl("reload", service.unit)
    eventually(lambda: "reload.done" in service.log() or None, "the reload")
    eventually(lambda: service.show("ActiveState") == "active" or None, "ready again")
    assert service.machine.run("cat", "/run/freshkey/keys/again").stdout == service.key_file()
    assert (service.pid, (service.get() or {})["tag"]) == (first, tag)

    service.configure(more="nonsense = 1")
    service.systemctl("reload", service.unit)
    refused = "configuration refused, see the log; billing: "
    eventually(lambda: service.show("StatusText").startswith(refused) or None, "a refusal")
    assert service.show("ActiveState") == "active"
    assert service.engine.counts()["mints"] == 1


def test_the_template_runs_an_agent_of_its_own(service: Service) -> None:
    other = Service(
        service.machine, service.engine, "freshkey@other.service", "/run/freshkey-other"
    )
    other.configure()
    try:
        other.systemctl("start", other.unit)
        assert service.engine.works(other.key_file())
    finally:
        other.forget()


@pytest.mark.parametrize(("on_stop", "live"), [("keep", 1), ("revoke", 0)])
def test_a_stop_keeps_or_revokes(service: Service, on_stop: str, live: int) -> None:
    service.configure(on_stop=on_stop)
    service.systemctl("start", service.unit)
    tag = (service.get() or {})["tag"]
    service.systemctl("stop", service.unit)
    assert service.show("Result") == "success"
    eventually(lambda: service.engine.counts()["live"] == live or None, f"{live} keys alive")
    files = service.machine.run("ls", f"{service.directory}/keys").stdout.split()
    assert files == ["billing"] * live
    service.systemctl("start", service.unit)
    assert ((service.get() or {})["tag"] == tag) == (on_stop == "keep")
    assert service.engine.counts()["mints"] == (1 if on_stop == "keep" else 2)
