"""What one agent has around it: an engine, a login, a network, and a directory of its own."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from testbed.emulator.process import OpenAIServer
from testbed.emulator.snapshot import GroupState
from testbed.recording_proxy import RecordingProxy
from testbed.toxiproxy import Proxy, ToxiproxyServer
from testbed.vault import VaultServer

LEASE: Final = 24
"""Seconds that a key lives, in place of an hour."""

ROLE: Final = "billing"
NOTHING: Final[GroupState] = {"live": 0, "high_water": 0, "mints": 0, "deletions": 0}


@dataclass(frozen=True)
class Servers:
    """What the agents of a scenario share."""

    vault: VaultServer
    openai: OpenAIServer
    toxiproxy: ToxiproxyServer


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Start them; stop them at the end."""
    with VaultServer() as vault, OpenAIServer() as openai, ToxiproxyServer() as toxiproxy:
        yield Servers(vault, openai, toxiproxy)


@dataclass(frozen=True)
class Site:
    """One agent's. It reaches Vault by `network`; `to_vault` and `to_openai` count what arrives.

    The engine asks OpenAI through `to_openai`; the agent's own tests of keys do not count.
    """

    servers: Servers
    directory: Path
    mount: str
    project_id: str
    role_id: str
    secret_id: str
    network: Proxy
    to_vault: RecordingProxy
    to_openai: RecordingProxy

    @property
    def address(self) -> str:
        """Where the agent finds Vault."""
        return f"http://{self.network.listen}"

    @property
    def secret_path(self) -> str:
        """What the agent reads from Vault."""
        return f"{self.mount}/creds/{ROLE}"

    @property
    def key_file(self) -> Path:
        """The file that applications read."""
        return self.directory / "keys" / ROLE

    def counts(self) -> GroupState:
        """Return what OpenAI counted of this agent's keys."""
        return self.servers.openai.state()["projects"].get(self.project_id, NOTHING)

    def accounts(self) -> list[str]:
        """Return the service accounts whose keys live."""
        live = self.servers.openai.state()["live"]
        return [key["account_id"] for key in live if key["project_id"] == self.project_id]


@contextmanager
def make_site(servers: Servers, directory: Path, lease: int = LEASE) -> Iterator[Site]:
    """Set up what an operator would, for keys that live `lease` seconds."""
    vault, openai = servers.vault, servers.openai
    mount = f"chaos-{secrets.token_hex(4)}"
    with ExitStack() as stack:
        to_openai = stack.enter_context(RecordingProxy(lambda: openai.port))
        to_vault = stack.enter_context(RecordingProxy(lambda: vault.port))
        network = servers.toxiproxy.proxy(mount, to_vault.listen)
        stack.callback(network.remove)
        project_id = openai.create_project(mount)
        vault.enable_openai(mount, f"{to_openai.address}/v1")
        path = f"{mount}/creds/{ROLE}"
        vault.write_policy(
            mount,
            f'path "{path}" {{ capabilities = ["read"] }}\n'
            f'path "sys/leases/revoke/{path}/*" {{ capabilities = ["update"] }}',
        )
        vault.write_role(mount, ROLE, project_id=project_id, ttl=lease, max_ttl="1h")
        role_id, secret_id = vault.approle(mount, [mount], token_ttl="1h")  # noqa: S106 - no password
        for name, content in (("role_id", role_id), ("secret_id", secret_id)):
            path_of_credential = directory / name
            path_of_credential.touch(mode=0o600)
            path_of_credential.write_text(content)
        yield Site(
            *(servers, directory, mount, project_id, role_id, secret_id),
            *(network, to_vault, to_openai),
        )
