"""The variables that other Vault tools read too; a value in the file wins over its variable.

https://developer.hashicorp.com/vault/docs/commands#configure-environment-variables
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import replace
from freshkey.core.model.text import cleaned
from freshkey.settings.auth import TokenAuth
from freshkey.settings.faults import Finding, Place
from freshkey.settings.file_names import path_text
from freshkey.settings.model import Settings

_TEXTS: Final = {
    "address": "VAULT_ADDR",
    "namespace": "VAULT_NAMESPACE",
    "tls_server_name": "VAULT_TLS_SERVER_NAME",
}
_PATHS: Final = {
    "ca_file": "VAULT_CACERT",
    "ca_dir": "VAULT_CAPATH",
    "client_cert_file": "VAULT_CLIENT_CERT",
    "client_key_file": "VAULT_CLIENT_KEY",
}
VARIABLES: Final = _TEXTS | _PATHS
"""Options of [vault], and the variables that fill them."""
_FALSE: Final = frozenset({"", "0", "f", "false"})  # as Go's strconv.ParseBool has it
_TOKEN: Final = "VAULT_TOKEN"  # noqa: S105 - a variable's name


def fill_vault(document: dict[str, Any], environ: Mapping[str, str]) -> dict[Place, str]:
    """Put variables where [vault] leaves an option unset; return which came from where.

    White space around one is left out.

    A relative path in a variable starts at the working directory, as for every other tool.
    """
    vault = document.setdefault("vault", {})
    if not isinstance(vault, dict):
        return {}
    origins: dict[Place, str] = {}
    for option, variable in VARIABLES.items():
        value = cleaned(environ.get(variable, "")).value
        given = vault.get(option, "") != "" or (option == "address" and vault.get("addresses"))
        if value and not given:
            vault[option] = path_text(Path(value).absolute()) if option in _PATHS else value
            origins["vault", option] = variable
    return origins


def with_token(settings: Settings, environ: Mapping[str, str]) -> tuple[Settings, list[Finding]]:
    """Give method token its VAULT_TOKEN, unless the file names a token_file."""
    auth = settings.auth
    found = cleaned(environ.get(_TOKEN, ""))
    if not isinstance(auth, TokenAuth) or auth.token_file or not found.value:
        return settings, []
    if found.misfit:  # it becomes an HTTP header
        message = f"has {found.misfit}, and must be a word of ASCII characters (from {_TOKEN})"
        return settings, [Finding(("auth", "token"), message)]
    return replace(settings, auth=replace(auth, token=Secret(found.value))), []


def refused_variables(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """List the variables that would change whom the agent trusts, and are not followed."""
    vault, place = settings.vault, ("vault", "ca_file")
    if not any(address.startswith("https:") for address in (vault.address, *vault.addresses)):
        return
    if environ.get("VAULT_SKIP_VERIFY", "").lower() not in _FALSE:
        message = (
            "VAULT_SKIP_VERIFY is set, but Vault is always verified: unset it, name the CA here"
        )
        yield Finding(place, message)
    if environ.get("VAULT_CACERT_BYTES") and not (vault.ca_file or vault.ca_dir):
        message = (
            "VAULT_CACERT_BYTES is not read: write what it holds to a file, and name that here"
        )
        yield Finding(place, message)
