"""A configuration to start with: the shortest that does, commented."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from freshkey.core.model.struct import Struct
from freshkey.settings.toml import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a method needs beside what is asked for: files of credentials lie beside the configuration.
_FILES: Final = {
    "approle": {"role_id_file": "role_id", "secret_id_file": "secret_id"},
    "token": {"token_file": "token"},
    "jwt": {"jwt_file": "jwt"},
    "userpass": {"password_file": "password"},
    "ldap": {"password_file": "password"},
}
NEED_ROLE: Final = frozenset({"kubernetes", "gcp", "azure"})
TAKE_ROLE: Final = NEED_ROLE | {"jwt", "cert", "aws"}
WITHOUT_FILES: Final = NEED_ROLE | {"aws"}  # the platform gives the credential
NEED_USERNAME: Final = frozenset({"userpass", "ldap"})


class Federation(Struct, frozen=True):
    """What OpenAI exchanges tokens for; either a role of Vault's or a file vouches."""

    identity_provider_id: str
    service_account_id: str
    vault_oidc_role: str
    subject_token_file: str


class Answers(Struct, frozen=True):
    """What can't be guessed; what is empty is left out."""

    address: str
    method: str
    key: str
    path: str
    group: str = ""
    role: str = ""
    username: str = ""
    unit: str = ""  # the service of systemd that runs the agent
    federation: Federation | None = None

    @property
    def is_instance(self) -> bool:
        """Whether it is one of several agents, `freshkey@NAME.service`."""
        return "@" in self.unit

    @property
    def runtime(self) -> str:
        """The directory of its keys and sockets."""
        return f"/run/{self.unit.removesuffix('.service').replace('@', '-') or 'freshkey'}"


def starter(answers: Answers) -> str:
    """Return the text of the configuration; `load` says whether its values can be taken."""
    return "".join(f"{line}\n" for line in _lines(answers))


def _lines(answers: Answers) -> Iterator[str]:
    yield "# Freshkey's configuration; `freshkey check` lists all that is wrong in it, and"
    yield "# freshkey.toml(5) has every option. Relative paths start at this directory."
    yield from _vault_lines(answers)
    yield ""
    yield from _key_lines(answers)
    yield ""
    yield f"[[keys.{answers.key}.files]]"
    yield f"path = {quoted(f'{answers.runtime}/keys/{answers.key}')}"
    yield from _who_may_read(answers)
    if answers.is_instance:
        yield from _of_an_instance(answers)


def _key_lines(answers: Answers) -> Iterator[str]:
    yield f"[keys.{answers.key}]"
    if (federation := answers.federation) is None:
        yield f"path = {quoted(answers.path)}  # what to read from Vault"
        return
    yield 'source = "federation"  # docs/federation.md'
    yield ""
    yield f"[keys.{answers.key}.federation]"
    yield f"identity_provider_id = {quoted(federation.identity_provider_id)}"
    yield f"service_account_id = {quoted(federation.service_account_id)}"
    if federation.vault_oidc_role:
        yield f"vault_oidc_role = {quoted(federation.vault_oidc_role)}"
    else:
        yield 'subject = "file"'
        yield f"subject_token_file = {quoted(federation.subject_token_file)}"


def _vault_lines(answers: Answers) -> Iterator[str]:
    if not answers.address:
        return
    yield ""
    yield "[vault]"
    yield f"address = {quoted(answers.address)}"
    if answers.method == "cert":
        yield 'client_cert_file = "client.crt"'
        yield 'client_key_file = "client.key"'
    yield ""
    yield "[auth]"
    yield f"method = {quoted(answers.method)}"
    if answers.role:
        yield f"role = {quoted(answers.role)}"
    if answers.username:
        yield f"username = {quoted(answers.username)}"
    for option, file in _FILES.get(answers.method, {}).items():
        passed = answers.unit and option == "secret_id_file"
        yield f"{option} = {quoted(f'/run/credentials/{answers.unit}/{file}' if passed else file)}"


def _who_may_read(answers: Answers) -> Iterator[str]:
    """Say who may read the file; the service can't set a group, but its directory has one."""
    if not answers.group:
        yield 'mode = "0400"  # for the agent alone; for others: group = "NAME", and 0440'
    elif answers.unit:
        yield f'mode = "0440"  # for the group of its directory, {answers.group}'
    else:
        yield 'mode = "0440"'
        yield f"group = {quoted(answers.group)}  # who may read it"
        yield ""
        yield "[server]"
        yield f"group = {quoted(answers.group)}  # who may use the socket"


def _of_an_instance(answers: Answers) -> Iterator[str]:
    """Name what is elsewhere for one of several agents."""
    yield ""
    yield "[state]"
    yield f"directory = {quoted(f'{answers.runtime}/state')}"
    yield ""
    yield "[server]"
    yield f"socket = {quoted(f'{answers.runtime}/freshkey.sock')}"
