"""What docs/ says, done word for word: the commands that set Vault up, and the example."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from freshkey.host.clock import boot_time
from freshkey.settings import load
from freshkey.vault.client import VaultClient

from testbed.binaries import VAULT, binary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from testbed.vault_api import VaultAPI

DOCS = Path(__file__).resolve().parents[2] / "docs" / "auth"
_PLACES = ("/etc/freshkey", "/run/credentials/freshkey.service", "/run/freshkey-token")
_KEY = '[keys.billing]\npath = "openai/creds/billing"\n'


def code_blocks(method: str, language: str) -> list[str]:
    """Return the fenced blocks of a method's page."""
    text = (DOCS / f"{method}.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def run_commands(
    vault: VaultAPI,
    commands: str,
    directory: Path,
    changes: Mapping[str, str] | None = None,
    **variables: str,
) -> None:
    """Run commands as an operator would, in a directory; `changes` are of what is only here so."""
    for old, new in (changes or {}).items():
        assert old in commands
        commands = commands.replace(old, new)
    path = f"{binary(VAULT).parent}{os.pathsep}{os.defpath}"
    environment = {"PATH": path, "HOME": str(directory)}
    environment |= {"VAULT_ADDR": vault.address, "VAULT_TOKEN": vault.token}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=directory,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def client(method: str, address: str, directory: Path, more: str = "") -> VaultClient:
    """Return a client with the page's example; credentials are in `directory`."""
    (text,) = code_blocks(method, "toml")
    for place in _PLACES:
        text = text.replace(place, str(directory))
    if "[vault]" not in text:
        text = f'[vault]\naddress = "{address}"\n{text}'
    text = text.replace("https://vault.example:8200", address)
    config = directory / "config.toml"
    config.write_text(f"{text}{more}\n{_KEY}")
    config.chmod(0o600)
    settings = load(config, {})
    assert settings.auth is not None
    return VaultClient(settings.vault, settings.auth, boot_time)
