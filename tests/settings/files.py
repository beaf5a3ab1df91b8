"""Configurations for tests."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from freshkey.settings import SettingsError, load

NO_VARIABLES: Mapping[str, str] = MappingProxyType({})

VAULT = 'address = "https://vault.example:8200"'
AUTH = """
role_id = "role"
secret_id_file = "secret_id"
"""
FEDERATION = """
[keys.federated]
source = "federation"
[keys.federated.federation]
identity_provider_id = "idp"
service_account_id = "account"
subject = "file"
subject_token_file = "input"
"""
KEY = 'path = "openai/creds/billing"'


def config(*, vault: str = VAULT, auth: str = AUTH, key: str = "", more: str = "") -> str:
    """Return a configuration with one key; `key` adds to its options, `more` to the end."""
    return f"[vault]\n{vault}\n[auth]\n{auth}\n[keys.billing]\n{KEY}\n{key}\n{more}\n"


def written(directory: Path, text: str) -> Path:
    """Write a configuration that nobody else can change, whatever the umask."""
    path = directory / "config.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def secret_id(directory: Path) -> None:
    """Put the secret-id of AUTH there, for the agent alone."""
    path = directory / "secret_id"
    path.write_text("word")
    path.chmod(0o600)


def faults(directory: Path, text: str, environ: Mapping[str, str] = NO_VARIABLES) -> list[str]:
    """Load a configuration that has faults, and return them as lines."""
    with pytest.raises(SettingsError) as caught:
        load(written(directory, text), environ)
    return [str(fault) for fault in caught.value.faults]
