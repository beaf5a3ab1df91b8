from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.core.model.secret import Secret
from freshkey.host.clock import boot_time
from freshkey.settings.auth import AppRoleAuth, AuthSettings, TokenAuth
from freshkey.settings.model import VaultSettings
from freshkey.vault.client import VaultClient

from testbed.emulator.process import OpenAIServer
from testbed.vault import VaultServer

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBERS = count(1)


@dataclass(frozen=True)
class Engine:
    """The OpenAI engine at a mount of its own, with the role `billing`: leases of 60 s."""

    vault: VaultServer
    openai: OpenAIServer
    mount: str

    @property
    def path(self) -> str:
        return f"{self.mount}/creds/billing"

    def keys_alive(self) -> int:
        return self.openai.state()["overall"]["live"]

    def token(self, **settings: object) -> Secret:
        """Make a token that may do what the agent needs to, and no more."""
        fields = {"policies": ["default", self.mount], "ttl": "60s", **settings}
        made = self.vault.request("POST", "auth/token/create", fields)
        return Secret(made["auth"]["client_token"])


@pytest.fixture
def engine(vault: VaultServer, openai_server: OpenAIServer) -> Iterator[Engine]:
    openai_server.reset()
    made = Engine(vault, openai_server, f"openai-{next(_NUMBERS)}")
    vault.enable_openai(made.mount, openai_server.base_url)
    vault.write_role(made.mount, "billing", ttl="60s", max_ttl="10m")
    policy = f"""
        path "{made.path}" {{ capabilities = ["read"] }}
        path "sys/leases/revoke/{made.path}/*" {{ capabilities = ["update"] }}
    """
    vault.write_policy(made.mount, policy)
    yield made
    openai_server.configure()
    vault.request("PUT", f"sys/leases/revoke-force/{made.mount}")
    vault.request("DELETE", f"sys/mounts/{made.mount}")


def make_client(address: str, auth: AuthSettings | None = None, **vault: Any) -> VaultClient:  # noqa: ANN401 - any option
    return VaultClient(VaultSettings(address=address, **vault), auth or TokenAuth(), boot_time)


@pytest.fixture
def client(vault: VaultServer) -> VaultClient:
    return make_client(vault.address)


@dataclass(frozen=True)
class AppRole:
    """An AppRole mount with the role `agent`, and its credentials in files."""

    vault: VaultServer
    mount: str
    directory: Path

    @property
    def secret_id_file(self) -> Path:
        return self.directory / "secret_id"

    def wrap(self, path: str | None = None) -> Secret:
        """Put a new secret-id into its file, wrapped; or what else a POST to `path` gives."""
        connection = HTTPConnection(self.vault.address.removeprefix("http://"))
        headers = {"X-Vault-Token": self.vault.token, "X-Vault-Wrap-TTL": "60s"}
        target = path or f"auth/{self.mount}/role/agent/secret-id"
        with closing(connection):
            connection.request("POST", f"/v1/{target}", "{}", headers)
            token = json.loads(connection.getresponse().read())["wrap_info"]["token"]
        self.secret_id_file.write_text(f"{token}\n")
        return Secret(token)

    def tokens(self) -> int:
        """How many of its tokens live."""
        return len(self.vault.tokens(self.mount))

    def client(self, **options: Any) -> VaultClient:  # noqa: ANN401 - any option
        usual: dict[str, Any] = {
            "mount": self.mount,
            "role_id_file": self.directory / "role_id",
            "secret_id_file": self.secret_id_file,
        }
        auth = AppRoleAuth(**(usual | options))
        return make_client(self.vault.address, auth)


@pytest.fixture
def approle(vault: VaultServer, tmp_path: Path) -> AppRole:
    made = AppRole(vault, f"approle-{next(_NUMBERS)}", tmp_path)
    role_id, secret_id = vault.approle(
        made.mount, ["default"], token_ttl="60s", token_max_ttl="90s"
    )
    (tmp_path / "role_id").write_text(f"{role_id}\n")
    made.secret_id_file.write_text(f"{secret_id}\n")
    return made
