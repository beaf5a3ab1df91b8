"""The side of the real Vault, with the engine and the emulator."""

from __future__ import annotations

import http.client
import json
import re
import time
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from testbed.emulator.process import OpenAIServer
from testbed.federation import enable_identity_tokens, entity_of, federate
from testbed.vault import VaultServer
from tests.simulation.contract_side import TTL
from tests.simulation.http import HttpAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from testbed.emulator.errors import ErrorName

_NUMBERS = count(1)


@dataclass
class Real:
    """Vault with the engine and an AppRole of its own, and the emulator behind it."""

    vault: VaultServer
    openai: OpenAIServer
    batch: bool = False
    token_ttl: float = 20.0

    def __post_init__(self) -> None:
        self.mount = f"simulated-{next(_NUMBERS)}"
        self.vault.enable_openai(self.mount, self.openai.base_url)
        self.vault.write_role(self.mount, "billing", ttl=f"{TTL}s", max_ttl=f"{4 * TTL}s")
        self.vault.write_role(
            self.mount, "renewable", ttl=f"{TTL}s", max_ttl=f"{4 * TTL}s", renewable=True
        )
        self.vault.write_policy(
            self.mount,
            f'path "{self.mount}/creds/*" {{ capabilities = ["read"] }}\n'
            f'path "sys/leases/revoke/{self.mount}/*" {{ capabilities = ["update"] }}\n'
            'path "identity/oidc/token/*" { capabilities = ["read"] }\n'
            f'path "{self.mount}-kv/data/*" {{ capabilities = ["read"] }}\n',
        )
        self.vault.enable_kv(f"{self.mount}-kv", 2)
        key = {"data": {"api_key": "sk-static"}}
        self.vault.request("POST", f"{self.mount}-kv/data/billing", key)
        # A name for all of Vault.
        self.issuer = enable_identity_tokens(self.vault, "billing")
        self.role_id, self.secret_id = self.vault.approle(
            f"login-{self.mount}",
            [self.mount],
            token_ttl=f"{self.token_ttl:.0f}s",
            token_max_ttl=f"{2 * self.token_ttl:.0f}s",
            token_type="batch" if self.batch else "service",
        )

    def ask(
        self,
        method: str,
        path: str,
        token: str = "",
        query: Mapping[str, str] | None = None,
        **body: object,
    ) -> HttpAnswer:
        path = re.sub(r"\bopenai/", f"{self.mount}/", path)
        path = re.sub(r"^kv/", f"{self.mount}-kv/", path)
        path = path.replace("auth/approle/", f"auth/login-{self.mount}/")
        target = f"/v1/{quote(path)}?{urlencode(query)}" if query else f"/v1/{quote(path)}"
        return _asked(self.vault.address, method, target, {"X-Vault-Token": token}, body)

    def models(self, key: str) -> HttpAnswer:
        headers = {"Authorization": f"Bearer {key}"}
        return _asked(self.openai.base_url, "GET", "/v1/models", headers, {})

    def log_in(self) -> str:
        answer = self.ask(
            "POST", "auth/approle/login", role_id=self.role_id, secret_id=self.secret_id
        )
        return str((answer.body or {})["auth"]["client_token"])

    def trouble(self, name: ErrorName) -> None:
        self.openai.configure(errors={"service_account.create": name})

    def trouble_models(self, name: ErrorName) -> None:
        self.openai.configure(errors={"models.list": name})

    def exchange(self, status: int = 200) -> HttpAnswer:
        identity = self.ask("GET", "identity/oidc/token/billing", self.log_in()).body or {}
        entity = entity_of(self.vault, f"login-{self.mount}", self.role_id)
        meant = "nobody" if status == 403 else entity
        project = self.openai.create_project(f"{self.mount}-{next(_NUMBERS)}")
        account = federate(self.openai, project, self.issuer, {"sub": meant})
        if status == 429:
            self.openai.configure(requests_per_minute={"token.exchange": 0})
        elif status == 503:
            self.openai.configure(errors={"token.exchange": "unavailable"})
        fields = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": "x.y.z" if status == 401 else identity["data"]["token"],
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "identity_provider_id": account.provider_id,
            "service_account_id": account.account_id,
        }
        body = {} if status == 400 else fields
        headers = {"Content-Type": "application/json"}
        return _asked(self.openai.base_url, "POST", "/oauth/token", headers, body)

    def refuse_deletions(self) -> None:
        self.openai.configure(errors={"service_account.delete": "rate_limited"})

    def forbid(self) -> None:
        self.vault.write_policy(self.mount, 'path "x" { capabilities = ["read"] }')

    def seal(self) -> None:
        self.vault.request("PUT", "sys/seal")

    def throttle(self, token: str) -> HttpAnswer:
        told = {"enable_rate_limit_response_headers": True}
        self.vault.request("POST", "sys/quotas/config", told)
        quota = {"path": f"{self.mount}/", "rate": 1}
        self.vault.request("POST", f"sys/quotas/rate-limit/{self.mount}", quota)
        while (answer := self.ask("GET", "openai/creds/nobody", token)).status != 429:
            pass
        self.vault.request("DELETE", f"sys/quotas/rate-limit/{self.mount}")
        return answer

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def close(self) -> None:
        self.openai.configure()
        if self.vault.request("GET", "sys/seal-status")["sealed"]:
            self.vault.request("PUT", "sys/unseal", {"key": self.vault.unseal_key})
        self.vault.request("PUT", f"sys/leases/revoke-force/{self.mount}")


def _asked(
    address: str, method: str, target: str, headers: dict[str, str], body: Mapping[str, object]
) -> HttpAnswer:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    try:
        connection.request(method, target, json.dumps(body) if body else None, headers)
        with connection.getresponse() as response:
            content = response.read()
    finally:
        connection.close()
    retry_after = response.headers.get("Retry-After", "")
    return HttpAnswer(response.status, json.loads(content) if content else None, retry_after)
