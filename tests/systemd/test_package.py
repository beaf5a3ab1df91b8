"""The Debian package under a real systemd: installed, upgraded while it runs, removed, purged."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from freshkey import __version__

from testbed.machine import Machine
from testbed.machine_root import MachineError
from tests.support.packages import copy, make_deb, set_version
from tests.systemd.conftest import UNIT, Service, commands

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.agent.harness import Engine

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(300)]

OLD = "0.0.9"
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
    except MachineError as error:
        pytest.skip(f"no machine with systemd: {error}")


def install(service: Service, packages: Path, which: str) -> None:
    service.machine.shell(f"cd {packages}/{which}; {commands('package')}")
    assert service.machine.run("dpkg", "--verify", "freshkey").stdout == ""


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
    status = service.get("/v1/status") or {}
    machine.shell("touch /run/polled-enough; systemctl stop poll.service 2>/dev/null || true")
    assert status["version"] == __version__
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
    service.systemctl("start", UNIT)
    assert (service.get() or {})["tag"] == before["tag"]
    assert engine.counts()["mints"] == 1

    machine.run("apt-get", "purge", "-y", "freshkey")
    for left in ("/etc/freshkey", "/run/freshkey", "/var/log/freshkey", "/opt/freshkey"):
        machine.run("test", "!", "-e", left)
    wanted = machine.run("find", "/etc/systemd/system", "-name", "freshkey*").stdout
    assert wanted == ""
