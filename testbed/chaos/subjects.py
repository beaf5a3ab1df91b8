"""The two agents that are compared: both keep the same file, from the same engine."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from testbed.binaries import VAULT, binary
from testbed.chaos.site import ROLE, Site
from testbed.vault_agent import configuration

OVERLAP: Final = 3
CHECK_EVERY: Final = 2
"""Seconds, both; by default they are minutes, for keys that live an hour."""

_FRESHKEY: Final = """
[vault]
address = "{address}"
[auth]
mount = "{mount}"
role_id_file = "role_id"
secret_id_file = "secret_id"
[state]
directory = "state"
[server]
socket = "freshkey.sock"
[keys.{role}]
path = "{secret_path}"
overlap = "{overlap}s"
check_every = "{check_every}s"
[keys.{role}.verify]
base_url = "{base_url}"
probe_every = "{check_every}s"
activation_timeout = "3s"
[[keys.{role}.files]]
path = "keys/{role}"
"""


class Subject(Protocol):
    """One of them."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    @property
    def earliest_replacement(self) -> float:
        """The share of a lease after which the agent may want to replace a key, by its defaults."""

    def write_configuration(self, site: Site) -> Path:
        """Write it into the site's directory, and return where."""

    def command(self, configuration: Path) -> list[str | Path]:
        """Return what starts the agent."""


@dataclass(frozen=True)
class Freshkey:
    """`freshkey run`."""

    name: str = "Freshkey"
    earliest_replacement: float = 0.5

    def write_configuration(self, site: Site) -> Path:
        """Write its defaults, but for the times that go with leases of seconds."""
        text = _FRESHKEY.format(
            address=site.address,
            mount=site.mount,
            role=ROLE,
            secret_path=site.secret_path,
            overlap=OVERLAP,
            check_every=CHECK_EVERY,
            base_url=site.servers.openai.base_url,
        )
        return _write(site.directory / "config.toml", text)

    def command(self, configuration: Path) -> list[str | Path]:
        """Return what starts the agent."""
        return [sys.executable, "-m", "freshkey", "run", "--config", configuration]


@dataclass(frozen=True)
class VaultAgent:
    """`vault agent`, whose defaults need no change for short leases."""

    name: str = "Vault Agent"
    earliest_replacement: float = 0.85

    def write_configuration(self, site: Site) -> Path:
        """Write what a user would."""
        text = configuration(
            address=site.address,
            mount=site.mount,
            credentials=site.directory,
            secret_path=site.secret_path,
            destination=site.key_file,
        )
        return _write(site.directory / "agent.hcl", text)

    def command(self, configuration: Path) -> list[str | Path]:
        """Return what starts the agent."""
        return [binary(VAULT), "agent", f"-config={configuration}"]


SUBJECTS: Final[Mapping[str, Subject]] = {"freshkey": Freshkey(), "vault-agent": VaultAgent()}


def _write(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path
