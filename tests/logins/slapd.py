"""A real LDAP directory: OpenLDAP's slapd, with one user."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from testbed.process import ReservedPort, ServerProcess

SUFFIX = "cn=example"
START_TIMEOUT = 20  # seconds; usual is a tenth

# Entries of our own class: where a system keeps OpenLDAP's usual schema is its own choice.
CONFIGURATION = """
objectclass ( 1.3.6.1.4.1.4203.666.11.1 NAME 'node' SUP top STRUCTURAL
    MUST cn MAY userPassword )
pidfile {directory}/pid
database ldif
suffix "{suffix}"
directory {directory}/entries
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
"""


def found() -> Path:
    """Return the program; skip the test when there is none."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/libexec"])
    program = shutil.which("slapd", path=path)
    if program is None:
        pytest.skip("slapd is missing: install it (Debian: apt-get install slapd)")
    return Path(program)


@dataclass
class Slapd:
    """Listens on 127.0.0.1 while it is a context."""

    program: Path
    directory: Path

    def __enter__(self) -> Self:
        self._port = ReservedPort()
        (self.directory / "entries").mkdir()
        text = CONFIGURATION.format(directory=self.directory, suffix=SUFFIX)
        self._config.write_text(text)
        # A copy, for AppArmor confines the installed one to directories of its own.
        self._program = self.directory / "slapd"
        shutil.copy(self.program, self._program)
        self._add("example", f"dn: {SUFFIX}")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._port.close()

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self._port.number}"

    @property
    def _config(self) -> Path:
        return self.directory / "slapd.conf"

    def add_user(self, name: str, password: str) -> None:
        """Add a user; the directory has to be stopped."""
        encoded = b64encode(password.encode()).decode()
        self._add(name, f"dn: cn={name},{SUFFIX}", f"userPassword:: {encoded}")

    def set_password(self, name: str, password: str) -> None:
        """Change a user's password; the directory has to be stopped."""
        (entry,) = (self.directory / "entries").rglob(f"cn={name}.ldif")
        entry.unlink()
        self.add_user(name, password)

    def _add(self, name: str, *lines: str) -> None:
        entry = "\n".join([*lines, "objectClass: node", f"cn: {name}", ""])
        command: list[str | Path] = [self._program, "-T", "add", "-f", self._config]
        subprocess.run(command, input=entry, text=True, capture_output=True, check=True)

    def start(self) -> None:
        command: list[str | Path] = [self._program, "-f", self._config, "-h", self.url, "-d", "0"]
        log = self.directory / "log"
        self._process = ServerProcess(command, log=log, environment={"PATH": os.defpath})
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port.number), timeout=1).close()
            except OSError:
                assert self._process.running, self._process.tail()
                assert time.monotonic() < deadline, "slapd does not listen"
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        self._process.stop()
