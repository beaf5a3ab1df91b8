"""The pages on login methods, taken at their word: commands that run, tables that are read."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Final

from freshkey.settings import load

from testbed.binaries import VAULT, binary
from tests.docs.pages import DOCS, blocks
from tests.settings.files import KEY, NO_VARIABLES, written
from tests.settings.files import VAULT as VAULT_TABLE

if TYPE_CHECKING:
    from pathlib import Path

    from freshkey.settings.auth import AuthSettings

    from testbed.vault import VaultServer

PAGES: Final = DOCS / "auth"


def block(method: str, language: str) -> str:
    """Return the one block of that language on a method's page, besides those that have a name."""
    every = blocks(PAGES / f"{method}.md")
    (found,) = (each for each in every if each.language == language and each.name is None)
    return found.text


def run_commands(method: str, vault: VaultServer, directory: Path, **variables: str) -> None:
    """Run the page's commands for Vault's command line in a directory."""
    programs = directory / "bin"
    programs.mkdir()
    (programs / "vault").symlink_to(binary(VAULT))
    environment = {
        "PATH": f"{programs}:{os.defpath}",
        "HOME": str(directory),
        "VAULT_ADDR": vault.address,
        "VAULT_TOKEN": vault.token,
    }
    done = subprocess.run(
        ["sh", "-euc", block(method, "sh")],
        cwd=directory,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def settings(method: str, directory: Path) -> AuthSettings:
    """Load the page's example as part of a configuration."""
    text = f"[vault]\n{VAULT_TABLE}\n[keys.billing]\n{KEY}\n{block(method, 'toml')}"
    auth = load(written(directory, text), NO_VARIABLES).auth
    assert auth is not None
    return auth
