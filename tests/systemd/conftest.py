from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from testbed.debian import UnavailableError
from testbed.machine import Machine
from tests.agent.conftest import engine  # noqa: F401 - a fixture
from tests.agent.harness import Engine, eventually
from tests.docs.pages import ROOT, commands

if TYPE_CHECKING:
    from collections.abc import Iterator

UNIT = "freshkey.service"
NEEDED = (
    *("agent", "configs", "packaging", "requirements", "systemd"),
    *("pyproject.toml", "README.md", "LICENSE"),
)
CONFIG = """
[vault]
address = "{address}"
max_mints_per_minute = 0
[auth]
mount = "{mount}"
role_id_file = "/etc/freshkey/role_id"
secret_id_file = "/run/credentials/{credentials}/secret_id"
[state]
directory = "{directory}/state"
[server]
socket = "{directory}/freshkey.sock"
{server}
[log]
audit_file = "/var/log/freshkey/audit"
{log}
[keys.billing]
path = "{path}"
on_stop = "{on_stop}"
[keys.billing.verify]
base_url = "{base_url}"
[[keys.billing.files]]
path = "{directory}/keys/billing"
{file}
{more}
"""


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A machine in which the agent is installed as the page says; there is one at a time."""
    try:
        with Machine(ROOT) as running:
            # A clone that can be written, because pip builds in it.
            running.shell(f"cd {ROOT}; cp -r {' '.join(NEEDED)} /root")
            running.shell(f"cd /root; {commands('install')}")
            yield running
    except UnavailableError as error:
        pytest.skip(f"no machine with systemd: {error}")


@dataclass
class Service:
    """The agent as a service in the machine, which has been stopped and forgotten."""

    machine: Machine
    engine: Engine
    unit: str = UNIT
    directory: str = "/run/freshkey"

    def __post_init__(self) -> None:
        self._begun = time.time()

    def configure(
        self,
        *,
        on_stop: str = "keep",
        server: str = "",
        file: str = "",
        log: str = "",
        more: str = "",
    ) -> None:
        """Write configuration and credentials, with the modes that the page gives them."""
        name = "config" if self.unit == UNIT else self.unit.partition("@")[2].partition(".")[0]
        text = CONFIG.format(
            address=self.engine.vault.address,
            mount=self.engine.mount,
            path=self.engine.path,
            base_url=self.engine.openai.base_url,
            credentials=self.unit,
            directory=self.directory,
            on_stop=on_stop,
            server=server,
            file=file,
            log=log,
            more=more,
        )
        self.machine.write("/root/config.toml", text)
        self.machine.write("/root/role_id", self.engine.role_id)
        self.machine.write("/root/secret_id", self.engine.secret_id, 0o600)
        script = commands("configure").replace("configs/freshkey.toml", "config.toml")
        script = script.replace("/etc/freshkey/config.toml", f"/etc/freshkey/{name}.toml")
        if name != "config":
            script = script.replace("/etc/freshkey/secret_id", f"/etc/freshkey/{name}.secret_id")
        self.machine.shell(f"cd /root; {script}")

    def systemctl(self, *arguments: str, check: bool = True) -> str:
        try:
            return self.machine.run("systemctl", *arguments, check=check).stdout.strip()
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()[-3000:]}") from None

    def show(self, name: str) -> str:
        return self.machine.show(self.unit, name)[name]

    @property
    def pid(self) -> int:
        """The main process, as the machine numbers it."""
        return int(self.show("MainPID"))

    def key_file(self) -> str:
        return self.machine.run("cat", f"{self.directory}/keys/billing").stdout

    def get(self, path: str = "/v1/keys/billing") -> dict[str, Any] | None:
        """Ask the socket; None when there is no good answer."""
        command = ["curl", "-sS", "-f", "--unix-socket", f"{self.directory}/freshkey.sock"]
        done = self.machine.run(*command, f"http://localhost{path}", check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def rotate(self) -> str:
        """Have the key replaced; return the new one once the socket has it."""
        before = self.get()
        assert before is not None
        command = ["curl", "-sS", "-f", "-d", "{}", "--unix-socket"]
        url = "http://localhost/v1/keys/billing/rotate"
        self.machine.run(*command, f"{self.directory}/freshkey.sock", url)

        def changed() -> str | None:
            key = self.get()
            return str(key["key"]) if key and key["tag"] != before["tag"] else None

        return eventually(changed, "another key")

    def log(self, *matches: str) -> str:
        """What the unit logged since this test began; see journalctl(1) for what may match."""
        options = (f"--since=@{self._begun:.6f}", "--output=cat", f"--unit={self.unit}")
        return self.machine.run("journalctl", *options, *matches).stdout

    def forget(self) -> None:
        """Stop it, and take away what it has left."""
        units = f"{self.unit} freshkey.socket credential.service reloaded.service ordered.service"
        self.machine.shell(
            f"for unit in {units}; do systemctl stop $unit 2>/dev/null || true; done\n"
            "systemctl reset-failed\n"
            f"rm -rf {self.directory}/* /etc/systemd/system/freshkey.service.d /var/log/freshkey\n"
            "rm -f /etc/polkit-1/rules.d/50-freshkey.rules /run/*-key\n"
            "systemctl daemon-reload"
        )

    def add_drop_in(self, name: str) -> None:
        """Put a drop-in where the page says."""
        self.machine.shell(
            "install -D -m 0644 -t /etc/systemd/system/freshkey.service.d "
            f"/root/systemd/drop-ins/{name}.conf; systemctl daemon-reload"
        )

    def add_example(self, name: str) -> None:
        """Install an example unit."""
        self.machine.shell(
            f"install -m 0644 /root/systemd/examples/{name}.service /etc/systemd/system/\n"
            "systemctl daemon-reload"
        )


@pytest.fixture
def service(machine: Machine, engine: Engine) -> Iterator[Service]:  # noqa: F811 - the fixture
    service = Service(machine, engine)
    service.forget()
    yield service
    service.forget()
