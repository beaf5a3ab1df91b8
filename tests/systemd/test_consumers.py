"""Who uses keys of an agent under a real systemd: by socket, file, credential, and hook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import eventually
from tests.docs.pages import commands
from tests.support.ports import free_port

if TYPE_CHECKING:
    from tests.systemd.conftest import Service

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(300)]


def test_the_socket_unit_takes_the_first_client_before_the_agent_runs(service: Service) -> None:
    service.configure()
    service.systemctl("start", "freshkey.socket")
    assert service.show("ActiveState") == "inactive"
    answer = service.get("/v1/keys/billing?wait=30s")
    assert answer is not None
    assert service.engine.works(answer["key"])
    assert service.show("ActiveState") in {"active", "activating"}
    listening = service.machine.run("ls", "-l", f"{service.directory}/freshkey.sock").stdout
    assert listening.startswith("srw-rw---- 1 freshkey freshkey ")


ASK = """
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
connection.request("GET", "/v1/models")
print(connection.getresponse().status)
"""


def test_the_gateway_knows_users_over_tcp(service: Service) -> None:
    """In the sandbox, where the kernel may not be asked for one connection."""
    service.configure()
    port, machine = free_port(), service.machine
    with machine.path("/etc/freshkey/config.toml").open("a") as file:
        file.write(f"""
[gateway]
tcp = "127.0.0.1:{port}"
upstream = "{service.engine.openai.base_url}"
[[gateway.clients]]
user = "mail"
""")
    machine.write("/run/ask.py", ASK, 0o644)
    service.systemctl("start", service.unit)
    for user, status in (("mail", "200"), ("games", "403")):
        said = machine.run("runuser", "-u", user, "--", "python3", "/run/ask.py", str(port))
        assert said.stdout == f"{status}\n"


def test_rules_by_user_and_group_hold_in_the_sandbox(service: Service) -> None:
    service.configure(more='[[keys.billing.allow]]\nuser = "daemon"')
    service.systemctl("start", service.unit)
    assert service.get() is None, "root is not named"
    url = "http://localhost/v1/keys/billing"
    as_daemon = ["setpriv", "--reuid=daemon", "--regid=freshkey", "--clear-groups"]
    asked = ["curl", "-sf", "--unix-socket", f"{service.directory}/freshkey.sock", url]
    assert service.machine.run(*as_daemon, *asked).stdout


@pytest.mark.parametrize("file", ["", 'group = "mail"'])
def test_a_file_of_a_group_needs_no_capability(service: Service, file: str) -> None:
    service.configure(file=file)
    line = commands("group-files").replace("billing", "mail")
    service.machine.write("/etc/tmpfiles.d/keys.conf", line)
    service.machine.run("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/keys.conf")
    service.systemctl("start", service.unit)
    shown = service.machine.run("ls", "-l", f"{service.directory}/keys/billing").stdout
    assert shown.startswith("-r--r----- 1 freshkey mail ")
    service.rotate()
    shown = service.machine.run("ls", "-l", f"{service.directory}/keys/billing").stdout
    assert shown.startswith("-r--r----- 1 freshkey mail ")


def test_an_owner_needs_its_drop_in(service: Service) -> None:
    service.configure(file='owner = "daemon"\ngroup = "mail"')
    service.add_drop_in("owners")
    service.systemctl("start", service.unit)
    shown = service.machine.run("ls", "-l", f"{service.directory}/keys/billing").stdout
    assert shown.startswith("-r--r----- 1 daemon mail ")


def test_rules_by_unit_and_program_need_their_drop_in(service: Service) -> None:
    rule = '[[keys.billing.allow]]\nunit = "reader.service"\nexecutable = "/usr/bin/curl"'
    service.configure(more=rule)
    service.add_drop_in("peers")
    service.systemctl("start", service.unit)
    assert service.get() is None, "not from this unit"
    run = ["systemd-run", "--unit=reader", "--wait", "--pipe", "--quiet", "--collect"]
    url = "http://localhost/v1/keys/billing"
    asked = ["/usr/bin/curl", "-sf", "--unix-socket", f"{service.directory}/freshkey.sock", url]
    assert service.key_file() in service.machine.run(*run, *asked).stdout
    other = ["/usr/bin/python3", "-c", "pass"]
    assert service.machine.run(*run, *other, check=False).returncode == 0


def test_a_credential_comes_from_the_credential_socket(service: Service) -> None:
    service.configure(more='[keys.billing.credential]\nsocket = "/run/freshkey/billing.cred"')
    service.add_example("credential")
    service.systemctl("start", "credential.service")
    pid = service.machine.show("credential.service", "MainPID")["MainPID"]
    read = service.machine.shell(f"cat /proc/{pid}/root/run/credentials/credential.service/*")
    assert read == service.key_file()
    audit = service.machine.run("cat", "/var/log/freshkey/audit").stdout
    assert '"unit": "credential.service"' in audit
    assert '"credential": "openai_key"' in audit


def test_an_empty_credential_starts_nothing(service: Service) -> None:
    service.configure(
        more='[keys.billing.credential]\nsocket = "/run/freshkey/billing.cred"\n'
        '[[keys.billing.allow]]\nuser = "daemon"'
    )
    service.add_example("credential")
    service.systemctl("start", "credential.service", check=False)
    shown = service.machine.show("credential.service", "ActiveState", "SubState")
    assert shown["ActiveState"] != "active"


def test_a_hook_reloads_a_unit_with_leave_from_polkit(service: Service) -> None:
    hook = '[[keys.billing.hooks]]\ncommand = ["systemctl", "reload", "reloaded.service"]'
    service.configure(more=hook)
    service.machine.shell(
        "sed s/billing.service/reloaded.service/ /root/systemd/polkit/50-freshkey.rules "
        "> /etc/polkit-1/rules.d/50-freshkey.rules; systemctl restart polkit"
    )
    service.add_example("reloaded")
    service.systemctl("start", "reloaded.service")
    service.systemctl("start", service.unit)
    key = service.rotate()
    eventually(lambda: "hook.done" in service.log() or None, "the hook")
    assert service.machine.run("cat", "/run/reloaded-key").stdout == key


def test_a_hook_signals_a_unit_with_its_drop_in(service: Service) -> None:
    hook = '[[keys.billing.hooks]]\nsignal = "USR1"\nunit = "signalled.service"'
    service.configure(more=hook)
    service.add_drop_in("hooks")
    script = 'trap "date > /run/signalled-key" USR1; while :; do sleep 0.1; done'
    run = ["systemd-run", "--unit=signalled", "--quiet", "--collect"]
    service.machine.run(*run, "bash", "-c", script)
    try:
        service.systemctl("start", service.unit)
        service.rotate()
        eventually(lambda: "hook.done" in service.log() or None, "the hook")
        eventually(
            lambda: service.machine.run("cat", "/run/signalled-key", check=False).stdout or None,
            "the signal",
        )
    finally:
        service.systemctl("stop", "signalled.service")
