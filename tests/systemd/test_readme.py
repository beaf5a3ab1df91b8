"""The installation in README.md, as it stands, on a machine that has nothing of it."""

from __future__ import annotations

import pytest
from freshkey import __version__

from testbed.debian import UnavailableError
from testbed.machine import Machine
from tests.docs.pages import ROOT, commands
from tests.systemd.conftest import NEEDED

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(300)]


def test_the_agent_is_installed() -> None:
    try:
        with Machine(ROOT) as machine:
            machine.run("rm", "-rf", "/opt/freshkey")
            # A clone that can be written, because pip builds in it.
            machine.shell(f"cd {ROOT}; cp -r {' '.join(NEEDED)} /root")
            machine.shell(f"cd /root; {commands('readme-install')}")
            version = machine.run("/usr/local/bin/freshkey", "version").stdout
            assert version.startswith(f"freshkey {__version__}\n")
            assert machine.run("stat", "--format=%a", "/etc/freshkey").stdout == "700\n"
            machine.run("getent", "group", "billing")
    except UnavailableError as error:
        pytest.skip(f"no machine with systemd: {error}")
