"""Vault's HTTP API, as far as the testbed sets it up: engine, roles, AppRoles, policies, audit."""

import http.client
import json as jsonlib
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from testbed.binaries import OPENAI_PLUGIN, binary
from testbed.emulator.organization import ADMIN_API_KEY, ADMIN_API_KEY_ID, PROJECT_ID

TIMEOUT = 70
"""Seconds: a mint is two upstream calls of at most 30 s each."""


KV_TIMEOUT = 10
"""Seconds."""


class VaultError(Exception):
    """Vault's refusal: `status` is HTTP's, `errors` are Vault's own words."""

    def __init__(self, request: str, status: int, errors: list[str]) -> None:
        super().__init__(f"{request}: HTTP {status}: {' '.join(' '.join(errors).split())}")
        self.status = status
        self.errors = errors


class VaultAPI:
    """Calls with one token, usually the root token of a development server."""

    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self.token = token

    def tokens(self, mount: str) -> list[dict[str, Any]]:
        """Look up the tokens that live and came from the auth mount `mount`."""
        found = []
        for accessor in self.request("LIST", "auth/token/accessors")["data"]["keys"]:
            try:
                answer = self.request("POST", "auth/token/lookup-accessor", {"accessor": accessor})
            except VaultError as error:
                if "invalid accessor" not in str(error):  # it has ended since
                    raise
            else:
                found.append(answer["data"])
        return [data for data in found if data["path"].startswith(f"auth/{mount}/")]

    def request(  # noqa: PLR0913 - all that a request has, by name
        self,
        method: str,
        path: str,
        json: Mapping[str, object] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        token: str | None = None,
        timeout: float = TIMEOUT,
    ) -> dict[str, Any]:
        """Return the decoded answer of /v1/PATH, {} for an empty one; the path is not encoded yet.

        Raises VaultError for a status of 400 or more, OSError when there is no answer.
        https://developer.hashicorp.com/vault/api-docs
        """
        query_string = f"?{urllib.parse.urlencode(query)}" if query else ""
        request = urllib.request.Request(  # noqa: S310 - the address is ours
            f"{self.address}/v1/{urllib.parse.quote(path)}{query_string}",
            method=method,
            data=None if json is None else jsonlib.dumps(json).encode(),
            headers={"X-Vault-Token": token or self.token, "X-Vault-Request": "true"},
        )
        try:
            with _OPENER.open(request, timeout=timeout) as response:
                body = response.read()
        except urllib.error.HTTPError as error:
            with error:
                raise VaultError(f"{method} {path}", error.code, _errors(error)) from None
        except http.client.HTTPException as error:
            raise ConnectionError(f"{method} {path}: {error!r}") from error
        answer: dict[str, Any] = jsonlib.loads(body) if body else {}
        return answer

    def through(self, listen: str) -> "VaultAPI":
        """Return the same API behind a proxy at HOST:PORT."""
        return VaultAPI(f"http://{listen}", self.token)

    def register_plugin(self, kind: Literal["secret", "auth"], name: str, part: str) -> None:
        """Put a plugin into the catalog; the server's plugin directory must hold its binary."""
        digest = sha256(binary(part).read_bytes()).hexdigest()
        fields = {"sha256": digest, "command": part}
        self.request("PUT", f"sys/plugins/catalog/{kind}/{name}", fields)

    def enable_openai(
        self,
        mount: str,
        api_endpoint: str,
        *,
        admin_api_key: str = ADMIN_API_KEY,
        admin_api_key_id: str = ADMIN_API_KEY_ID,
        organization_id: str = "org-emulator",
    ) -> None:
        """Mount the registered engine and configure it; the defaults fit the emulator.

        `api_endpoint` ends in /v1, without a trailing slash.
        """
        self.request("POST", f"sys/mounts/{mount}", {"type": OPENAI_PLUGIN})
        self.request(
            "POST",
            f"{mount}/config",
            {
                "admin_api_key": admin_api_key,
                "admin_api_key_id": admin_api_key_id,
                "organization_id": organization_id,
                "api_endpoint": api_endpoint,
            },
        )

    def enable_kv(self, mount: str, version: int) -> None:
        """Mount KV, and wait until it is ready, which version 2 is a moment later."""
        self.request("POST", f"sys/mounts/{mount}", {"type": "kv", "options": {"version": version}})
        deadline = time.monotonic() + KV_TIMEOUT
        while version > 1:
            try:
                self.request("GET", f"{mount}/config")
            except VaultError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                break

    def write_role(
        self, mount: str, name: str, *, project_id: str = PROJECT_ID, **settings: object
    ) -> None:
        """Write a role: ttl, max_ttl (seconds or "1h"), renewable, the account's name template."""
        self.request("POST", f"{mount}/roles/{name}", {"project_id": project_id, **settings})

    def write_policy(self, name: str, hcl: str) -> None:
        """Write an ACL policy."""
        self.request("PUT", f"sys/policies/acl/{name}", {"policy": hcl})

    def approle(self, mount: str, policies: list[str], **params: object) -> tuple[str, str]:
        """Enable AppRole at auth/MOUNT with one role, `agent`; return its role_id and secret_id.

        `params` are the role's: token_ttl, token_max_ttl, token_period, token_type, …
        https://developer.hashicorp.com/vault/api-docs/auth/approle
        """
        self.request("POST", f"sys/auth/{mount}", {"type": "approle"})
        role = f"auth/{mount}/role/agent"
        self.request("POST", role, {"token_policies": policies, **params})
        role_id = self.request("GET", f"{role}/role-id")["data"]["role_id"]
        secret_id = self.request("POST", f"{role}/secret-id", {})["data"]["secret_id"]
        return role_id, secret_id

    def enable_audit(self, path: Path) -> None:
        """Write every request, secrets as hashes, to a file as JSON lines."""
        self.request("PUT", "sys/audit/file", {"type": "file", "options": {"file_path": str(path)}})


# Proxies of the environment are not for servers on the loopback interface.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _errors(error: urllib.error.HTTPError) -> list[str]:
    """Take Vault's `errors` out of an answer, or what else was said."""
    body = error.read().decode(errors="replace")
    try:
        errors = jsonlib.loads(body)["errors"]
    except (ValueError, LookupError, TypeError):
        return [body[:200]]
    return [str(text) for text in errors]
