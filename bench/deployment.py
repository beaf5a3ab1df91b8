"""What an agent needs around it to be measured: a real Vault with the engine, OpenAI's emulator."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Self

from testbed import vault_agent
from testbed.demo.workdir import WorkDirectory
from testbed.emulator.process import OpenAIServer
from testbed.vault import VaultServer

if TYPE_CHECKING:
    from pathlib import Path

MOUNT: Final = "openai"
POLICY: Final = """
path "openai/creds/+" { capabilities = ["read"] }
path "sys/leases/revoke/openai/creds/*" { capabilities = ["update"] }
"""
BRIEF: Final = 120.0
"""Seconds that a key of the role `brief` lives; one of `billing` lives for an hour."""
FRESHKEY: Final = """
[vault]
address = "{address}"
{vault}
[auth]
role_id = "{role_id}"
secret_id_file = "../secret_id"
[state]
directory = "state"
[server]
socket = "freshkey.sock"
{server}
{keys}
"""
KEY: Final = """
[keys.{name}]
path = "openai/creds/{role}"
{options}
[keys.{name}.verify]
base_url = "{base_url}"
{verify}
[[keys.{name}.files]]
path = "keys/{name}"
"""


class Deployment:
    """A context manager: servers that run, one role, and an AppRole that may read its keys.

    Each agent gets a directory of its own on tmpfs; the key file is keys/billing in there.
    """

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._directory = stack.enter_context(WorkDirectory()).directory
            self._openai = stack.enter_context(OpenAIServer())
            self._vault = stack.enter_context(VaultServer())
            self._vault.enable_openai(MOUNT, self._openai.base_url)
            self._vault.write_role(MOUNT, "billing", ttl="1h", max_ttl="24h")
            self._vault.write_role(MOUNT, "brief", ttl=BRIEF, max_ttl="24h")
            self._vault.write_policy("billing", POLICY)
            role_id, secret_id = self._vault.approle("approle", ["billing"], token_ttl="10h")  # noqa: S106 - no password
            self._role_id = role_id
            (self._directory / "role_id").write_text(role_id)
            (self._directory / "secret_id").write_text(secret_id)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def openai(self) -> OpenAIServer:
        """OpenAI's emulator, which counts keys."""
        return self._openai

    @property
    def vault(self) -> VaultServer:
        """Vault itself."""
        return self._vault

    def directory(self, name: str) -> Path:
        """Make a directory for one program or server."""
        directory = self._directory / name
        directory.mkdir()
        return directory

    def freshkey(  # noqa: PLR0913 - every part of a configuration may differ
        self,
        name: str,
        extra: str = "",
        *,
        address: str | None = None,
        server: str = "",
        vault: str = "",
        options: str = "",
        verify: str = "",
        keys: int = 1,
        role: str = "billing",
    ) -> Path:
        """Make a directory with `config.toml` of the defaults; return it.

        `server`, `vault`, and `verify` are lines for these tables, `options` for that of each key,
        and `extra` is for the end. The first key is `billing`; all mint from the same role.
        """
        directory = self.directory(name)
        config = directory / "config.toml"
        names = ["billing", *(f"key-{number}" for number in range(2, keys + 1))]
        text = FRESHKEY.format(
            address=address or self._vault.address,
            role_id=self._role_id,
            server=server,
            vault=vault,
            keys="".join(
                KEY.format(
                    name=key,
                    role=role,
                    options=options,
                    base_url=self._openai.base_url,
                    verify=verify,
                )
                for key in names
            ),
        )
        config.write_text(text + extra)
        config.chmod(0o600)
        return directory

    def vault_agent(self, name: str, more: str = "") -> Path:
        """Make a directory with `agent.hcl`, which asks for the same as Freshkey's configuration.

        `more` is for the end.
        """
        directory = self.directory(name)
        text = vault_agent.configuration(
            address=self._vault.address,
            mount="approle",
            credentials=self._directory,
            secret_path=f"{MOUNT}/creds/billing",
            destination=directory / "keys" / "billing",
        )
        (directory / "agent.hcl").write_text(text + more)
        return directory
