"""Vault's HTTP API over the model, in Vault's own words; test_contract.py holds it to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.simulation.http import HttpAnswer, HttpRequest
from tests.simulation.openai_model import upstream_words
from tests.simulation.vault_model import IDENTITY

if TYPE_CHECKING:
    from tests.simulation.vault_model import Lease, Token, VaultModel

INVALID_TOKEN: Final = "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"
DENIED: Final = "1 error occurred:\n\t* permission denied\n\n"
_CREDS: Final = "openai/creds/"
_KV: Final = "kv/data/"
_REVOKE: Final = "sys/leases/revoke/"
_IDENTITY: Final = "identity/oidc/token/"
_IDENTITY_TTL: Final = 3600  # seconds


class VaultApi:
    """Answers requests; `role_id` and `secret_id` are those that log in."""

    def __init__(self, model: VaultModel, role_id: str, secret_id: str) -> None:
        self._model = model
        self._credentials = role_id, secret_id
        self.sealed = False
        self.forbidden: frozenset[str] = frozenset()  # prefixes of paths that the policy forbids
        self.asked = 0

    def answer(self, request: HttpRequest, now: float) -> HttpAnswer:
        """Do what is asked."""
        self._model.settle(now)
        self.asked += 1
        path = request.path.removeprefix("/v1/")
        if path == "sys/health":
            return self._health()
        if self.sealed:
            return refusal(503, "Vault is sealed")
        if path == "auth/approle/login":
            return self._log_in(request, now)
        token = self._model.tokens.get(request.token)
        if token is None:
            return refusal(403, INVALID_TOKEN)
        if any(path.startswith(prefix) for prefix in self.forbidden):
            return refusal(403, DENIED)
        if path.startswith("auth/token/"):
            return self._of_token(path.removeprefix("auth/token/"), request, token, now)
        if path.startswith("sys/leases/"):
            return self._of_lease(path, request, now)
        return self._read(path, request, token, now)

    def _health(self) -> HttpAnswer:
        body = {"initialized": True, "sealed": self.sealed, "standby": self.sealed}
        return HttpAnswer(503 if self.sealed else 200, body)

    def _log_in(self, request: HttpRequest, now: float) -> HttpAnswer:
        given = request.body.get("role_id"), request.body.get("secret_id")
        if given != self._credentials:
            return refusal(400, "invalid role or secret ID")
        token = self._model.log_in(now)
        auth = self._auth(token, self._model.token_ttl)
        return self._success(auth=auth)

    def _auth(self, token: Token, seconds: float) -> dict[str, Any]:
        return {
            "client_token": token.value,
            "accessor": token.accessor,
            "policies": ["default"],
            "token_policies": ["default"],
            "metadata": {"role_name": "agent"},
            "lease_duration": int(seconds + 1e-6),
            "renewable": not token.batch,
            "entity_id": "entity",
            "token_type": "batch" if token.batch else "service",
            "orphan": True,
            "mfa_requirement": None,
            "num_uses": 0,
        }

    def _of_token(self, call: str, request: HttpRequest, token: Token, now: float) -> HttpAnswer:
        match call:
            case "lookup-self":
                return self._success(data=self._token_data(token, now))
            case "renew-self" if token.batch:
                return refusal(400, "batch tokens cannot be renewed")
            case "renew-self":
                asked = float(request.body.get("increment") or 0)
                granted = self._model.renew_token(token, asked, now)
                return self._success(auth=self._auth(token, granted), clipped=granted < asked)
            case "revoke-self" if token.batch:
                return refusal(400, "batch tokens cannot be revoked")
            case "revoke-self":
                self._model.end_token(token.value, now, "agent")
                return HttpAnswer(204)
            case _:
                return refusal(404, "unsupported path")

    def _token_data(self, token: Token, now: float) -> dict[str, Any]:
        return {
            "accessor": token.accessor,
            "creation_time": 0,
            "creation_ttl": int(self._model.token_ttl),
            "display_name": "approle",
            "entity_id": "entity",
            "expire_time": f"T+{token.expires_at:.0f}",
            "explicit_max_ttl": 0,
            "id": token.value,
            "meta": {"role_name": "agent"},
            "num_uses": 0,
            "orphan": True,
            "path": "auth/approle/login",
            "policies": ["default"],
            "renewable": not token.batch,
            "ttl": int(token.expires_at - now),
            "type": "batch" if token.batch else "service",
        }

    def _of_lease(self, path: str, request: HttpRequest, now: float) -> HttpAnswer:
        if path.startswith(_REVOKE):
            self._model.end_lease(path.removeprefix(_REVOKE), now, "agent")
            return HttpAnswer(202 if request.body.get("sync") is False else 204)
        lease = self._model.leases.get(str(request.body.get("lease_id")))
        match path:
            case "sys/leases/lookup" if lease is None:
                return refusal(400, "invalid lease")
            case "sys/leases/lookup" if lease is not None:
                data = {
                    "expire_time": f"T+{lease.expires_at:.0f}",
                    "id": lease.id,
                    "issue_time": f"T+{lease.issued_at:.0f}",
                    "last_renewal": f"T+{lease.renewed_at:.0f}" if lease.renewed_at else None,
                    "renewable": lease.renewable,
                    "ttl": int(lease.expires_at - now),
                }
                return self._success(data=data)
            case "sys/leases/renew" if lease is None:
                return refusal(400, "lease not found")
            case "sys/leases/renew" if lease is not None and not lease.renewable:
                return refusal(400, "lease is not renewable")
            case "sys/leases/renew" if lease is not None:
                asked = float(request.body.get("increment") or 0)
                granted = self._model.renew_lease(lease, asked, now)
                return self._success(lease=lease, seconds=granted, clipped=granted < asked)
            case _:
                return refusal(404, "unsupported path")

    def _read(self, path: str, request: HttpRequest, token: Token, now: float) -> HttpAnswer:
        model = self._model
        name = path.rpartition("/")[2]
        if path.startswith(_KV) and name in model.static:
            data = {"data": {"api_key": model.static[name]}, "metadata": {"version": 1}}
            return self._success(data=data)
        if path.startswith(_IDENTITY):
            return self._vouch(name)
        if path.startswith("sys/internal/ui/mounts/"):
            return self._success(data={"path": "openai/", "type": "openai", "options": None})
        if not path.startswith(_CREDS):
            return refusal(404, f'no handler for route "{path}". route entry not found.')
        if name not in model.roles:
            return refusal(400, f'role "{name}" does not exist')
        if model.openai.organization_error:
            words = upstream_words(model.openai.organization_error)
            wrapped = f"1 error occurred:\n\t* error creating service account: {words}\n\n"
            return refusal(500, wrapped)
        asked = request.query.get("ttl", "").removesuffix("s")
        lease = model.mint(name, token, float(asked) if asked else None, now)
        account = model.openai.accounts[lease.account]
        data = {
            "api_key": account.secret,
            "api_key_id": account.key_id,
            "service_account": f"vault-{name}-{account.id[-8:]}",
            "service_account_id": account.id,
        }
        seconds = lease.expires_at - now
        return self._success(data, lease=lease, seconds=seconds)

    def _vouch(self, role: str) -> HttpAnswer:
        if role not in self._model.roles:
            return refusal(400, f'role "{role}" not found')
        data = {"client_id": f"client-{role}", "token": IDENTITY, "ttl": _IDENTITY_TTL}
        return self._success(data=data)

    def _success(
        self,
        data: dict[str, Any] | None = None,
        *,
        auth: dict[str, Any] | None = None,
        lease: Lease | None = None,
        seconds: float = 0.0,
        clipped: bool = False,
    ) -> HttpAnswer:
        body = {
            "request_id": f"request-{self.asked}",
            "lease_id": "" if lease is None else lease.id,
            "renewable": lease is not None and lease.renewable,
            "lease_duration": int(seconds + 1e-6),
            "data": data,
            "wrap_info": None,
            "warnings": ["TTL exceeded the effective max_ttl"] if clipped else None,
            "auth": auth,
            "mount_type": "",
        }
        return HttpAnswer(200, body)


def refusal(status: int, *errors: str, retry_after: str = "") -> HttpAnswer:
    """Answer as Vault refuses."""
    return HttpAnswer(status, {"errors": list(errors)}, retry_after=retry_after)


def throttled(path: str, seconds: int) -> HttpAnswer:
    """Answer beyond a quota, as Vault does if it is to say when to ask again, in seconds.

    https://developer.hashicorp.com/vault/api-docs/system/quotas-config
    """
    words = f'request path "{path.removeprefix("/v1/")}": rate limit quota exceeded'
    return refusal(429, words, retry_after=f"{seconds}")
