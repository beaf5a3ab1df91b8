"""The Debian package under a real systemd: installed, upgraded while it runs, removed, purged."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest
from freshkey import __version__

from testbed.debian import UnavailableError
from testbed.emulator.organization import ADMIN_API_KEY
from testbed.machine import Machine
from testbed.vault import VaultServer
from tests.agent.harness import eventually
from tests.docs.pages import commands
from tests.support.documented import run_commands
from tests.support.fresh_vault import operator_fills_in
from tests.support.packages import copy, make_deb, set_version
from tests.systemd.conftest import UNIT, Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from testbed.emulator.process import OpenAIServer
    from tests.agent.harness import Engine

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(300)]

OLD = "0.0.9"
OTHER = "/run/freshkey-other"
TIME = 1_700_000_000
POLL = """
while test ! -e /run/polled-enough; do
    cat /run/freshkey/keys/billing >> /run/polled 2>> /run/polled || true
    echo >> /run/polled
    sleep 0.01
done
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a clone that has the current package in dist/, and one with an older."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("the machine has Python 3.11, so a package for another one can't be installed")
    directory = tmp_path_factory.mktemp("packages")
    for name, version in (("old", OLD), ("new", __version__)):
        tree = copy(directory / name)
        set_version(tree, version)
        make_deb(tree, TIME)
    return directory


@pytest.fixture
def service(packages: Path, engine: Engine) -> Iterator[Service]:
    """A service in a machine that has nothing of it yet."""
    try:
        with Machine(packages) as machine:
            machine.run("rm", "-rf", "/opt/freshkey")
            yield Service(machine, engine)
    except UnavailableError as error:
        pytest.skip(f"no machine with systemd: {error}")


def install(service: Service, packages: Path, which: str) -> None:
    service.machine.shell(f"cd {packages}/{which}; {commands('package')}")
    assert service.machine.run("dpkg", "--verify", "freshkey").stdout == ""
    assert status(service) == "install ok installed"


def status(service: Service) -> str:
    show = ("dpkg-query", "--show", "--showformat=${Status}", "freshkey")
    return service.machine.run(*show).stdout


def is_of(service: Service, version: str) -> bool | None:
    """Whether an agent of this version runs."""
    return (service.get("/v1/status") or {}).get("version") == version or None


def test_it_is_installed_upgraded_removed_and_purged(service: Service, packages: Path) -> None:
    machine, engine = service.machine, service.engine
    install(service, packages, "old")
    assert service.show("ActiveState") == "inactive", "there is no configuration yet"
    assert machine.run("freshkey", "version").stdout.startswith(f"freshkey {OLD}\n")
    for file in ("man1/freshkey.1.gz", "man5/freshkey.toml.5.gz"):
        machine.run("test", "-f", f"/usr/share/man/{file}")

    service.configure()
    machine.shell(commands("start"))
    before = service.get() or {}
    assert engine.works(service.key_file())

    machine.run("systemd-run", "--unit=poll", "bash", "-c", POLL)
    install(service, packages, "new")
    eventually(partial(is_of, service, __version__), "the new version")
    machine.shell("touch /run/polled-enough; systemctl stop poll.service 2>/dev/null || true")
    assert (service.get() or {})["tag"] == before["tag"]
    polled = machine.run("cat", "/run/polled").stdout.split("\n")
    assert set(polled) == {before["key"], ""}
    assert polled.count(before["key"]) > 20
    assert polled.count("") == 1, "each poll found the key"
    assert engine.counts()["mints"] == 1

    machine.run("apt-get", "remove", "-y", "freshkey")
    assert service.show("ActiveState") == "inactive"
    machine.run("test", "!", "-e", "/opt/freshkey")
    machine.run("test", "-f", "/etc/freshkey/config.toml")
    assert service.key_file() == before["key"], "on_stop is keep"

    install(service, packages, "new")
    key = eventually(service.get, "it starts, because it is enabled")
    assert key["tag"] == before["tag"]
    assert engine.counts()["mints"] == 1

    machine.shell("mkdir /run/freshkey-exporter; mount -t tmpfs tmpfs /run/freshkey/state")
    machine.run("apt-get", "purge", "-y", "freshkey")
    for left in ("/etc/freshkey", "/var/log/freshkey", "/opt/freshkey", "/run/freshkey/keys"):
        machine.run("test", "!", "-e", left)
    machine.run("test", "-d", "/run/freshkey-exporter")
    wanted = machine.run("find", "/etc/systemd/system", "-name", "freshkey*").stdout
    assert wanted == ""


def test_an_upgrade_waits_for_nobody_and_breaks_nothing(service: Service, packages: Path) -> None:
    """Vault is away, so that no start ends; then the configuration has a fault."""
    install(service, packages, "old")
    other = Service(service.machine, service.engine, "freshkey@other.service", OTHER)
    for each in (service, other):
        each.configure()
    service.engine.vault.process.freeze()
    try:
        service.systemctl("start", "--no-block", UNIT, other.unit)
        eventually(lambda: (service.pid and other.pid) or None, "both processes")
        before = service.pid, other.pid
        install(service, packages, "new")
        eventually(
            lambda: (service.pid and other.pid and service.pid != before[0]) or None,
            "new processes",
        )
    finally:
        service.engine.vault.process.thaw()
    for each in (service, other):
        eventually(partial(is_of, each, __version__), "the new version")

    service.machine.shell("echo nonsense = 1 >> /etc/freshkey/config.toml")
    service.machine.run("dpkg", "--install", *deb(packages, "old"))
    assert status(service) == "install ok installed"
    eventually(lambda: service.show("ActiveState") == "failed" or None, "a refused configuration")
    eventually(partial(is_of, other, OLD), "the other one, which has no fault")


def test_it_does_as_policy_says(service: Service, packages: Path) -> None:
    install(service, packages, "old")
    service.configure()
    service.machine.shell(commands("start"))
    before = service.pid
    service.machine.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
    install(service, packages, "new")
    assert service.pid == before


def test_it_takes_the_place_of_nothing_that_was_installed_by_hand(
    service: Service, packages: Path
) -> None:
    service.machine.shell("python3 -m venv /opt/freshkey")
    done = service.machine.run("dpkg", "--install", *deb(packages, "new"), check=False)
    assert done.returncode
    assert "/opt/freshkey is there already, installed by hand" in done.stderr


def test_the_page_for_a_vm_is_right(
    service: Service, packages: Path, openai_server: OpenAIServer, tmp_path: Path
) -> None:
    """docs/vm.md word for word, with a Vault that is new, and the addresses of this computer."""
    machine = service.machine
    make, install_it = commands("vm-install").splitlines()
    assert make == "make deb PYTHON=/usr/bin/python3"
    machine.shell(f"cd {packages}/new; {install_it}")
    with VaultServer() as fresh:
        address = ("https://vault.example:8200", fresh.address)
        machine.shell(commands("vm-init").replace(*address))
        machine.shell(
            f"printf '[keys.billing.verify]\\nbase_url = \"{openai_server.base_url}\"\\n'"
            " >> /etc/freshkey/config.toml"
        )
        machine.shell(f"cd /root; {commands('vm-setup')}")
        setup = machine.run("cat", "/root/setup.sh").stdout
        for name, value in operator_fills_in(openai_server).items():
            setup = setup.replace(name, value)
        run_commands(fresh, setup, tmp_path, OPENAI_ADMIN_KEY=ADMIN_API_KEY)
        for name in ("role_id", "secret_id"):
            machine.write(f"/root/{name}", (tmp_path / name).read_text(), 0o600)
        machine.shell(f"cd /root; {commands('vm-credentials')}")
        said = machine.shell(commands("vm-start"))
        assert "✗" not in said
        assert "billing" in said
        shown = machine.run("ls", "-l", "/run/freshkey/keys/billing").stdout
        assert shown.startswith("-r--r----- 1 freshkey billing ")
        assert service.engine.works(service.key_file())
        service.systemctl("stop", UNIT)


def deb(packages: Path, which: str) -> list[str]:
    return [f"{path}" for path in (packages / which / "dist").glob("*.deb")]
