"""An agent as README.md configures it, beside a real Vault, and a directory for an operator."""

from __future__ import annotations

import grp
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from testbed.binaries import VAULT, binary
from tests.agent.harness import Agent, Engine
from tests.docs.pages import ROOT, blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

needs_curl = pytest.mark.skipif(
    not any(os.access(Path(place, "curl"), os.X_OK) for place in os.defpath.split(":")),
    reason="curl is missing: apt-get install curl",
)


def lines(block: str) -> Iterator[str]:
    """The commands of a block that has one on each line, without their comments."""
    for line in block.splitlines():
        yield line.partition(" #")[0].strip()


@dataclass
class Site:
    """Runs what pages say; only places and addresses are other ones."""

    engine: Engine
    agent: Agent
    home: Path

    def __post_init__(self) -> None:
        self.record.mkdir()
        self.agent.directory.chmod(0o711)  # as /run/freshkey is: the check looks at that
        (example,) = (each for each in blocks(ROOT / "README.md") if each.language == "toml")
        text = example.text
        mount = f'mount = "{self.engine.mount}"'
        for old, new in (
            ("https://vault.example:8200", self.engine.vault.address),
            ("[auth]", f"[auth]\n{mount}"),
            ("openai/creds/billing", self.engine.path),
            ("/run/freshkey", str(self.agent.directory)),
            ('group = "billing"', f'group = "{grp.getgrgid(os.getegid()).gr_name}"'),
            ("[vault]", "[vault]\nmax_mints_per_minute = 0"),
            ("[server]", f'[server]\nsocket = "{self.agent.directory}/freshkey.sock"'),
        ):
            assert old in text
            text = text.replace(old, new)
        self.agent.config.write_text(f"""{text}
[state]
directory = "state"
[log]
audit_file = "record/audit"
[keys.billing.verify]
base_url = "{self.engine.openai.base_url}"
""")
        self.agent.config.chmod(0o600)
        for name in ("role_id", "secret_id"):
            (self.agent.directory / name).touch(mode=0o600)  # as `policy --setup` makes them
            (self.agent.directory / name).write_text(getattr(self.engine, name))

    @property
    def record(self) -> Path:
        return self.agent.directory / "record"

    @property
    def variables(self) -> dict[str, str]:
        programs = (Path(sys.executable).parent, binary(VAULT).parent, self.home)
        return {
            "PATH": os.pathsep.join([*map(str, programs), os.defpath]),
            "HOME": str(self.home),
            "FRESHKEY_CONFIG": str(self.agent.config),
            "OPENAI_BASE_URL": self.engine.openai.base_url,
            "VAULT_ADDR": self.engine.vault.address,
            "VAULT_TOKEN": self.engine.vault.token,
        }

    def here(self, text: str) -> str:
        """What a page says, with the places of this test."""
        for old, new in (
            ("/run/freshkey", str(self.agent.directory)),
            ("/var/log/freshkey", str(self.record)),
            ("openai/creds/billing", self.engine.path),
        ):
            text = text.replace(old, new)
        return text

    def run(self, script: str) -> str:
        """Run commands as an operator would, each of which has to end well."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.here(script)],
            cwd=self.home,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def begin(self, command: str, output: Path) -> subprocess.Popen[bytes]:
        """Start a command that goes on until it is ended."""
        with output.open("wb") as file:
            return subprocess.Popen(
                ["bash", "-c", f"exec {self.here(command)}"],
                cwd=self.home,
                env=self.variables,
                stdin=subprocess.DEVNULL,
                stdout=file,
            )

    def program(self, name: str, text: str) -> None:
        """Write a program of the operator's."""
        path = self.home / name
        path.write_text(text)
        path.chmod(0o755)

    def key(self) -> str:
        return str(self.agent.wait_for_key()["key"])
