"""Workload identity federation, set up as operators do: Vault's side, and OpenAI's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from testbed.emulator.process import OpenAIServer
from testbed.vault_api import VaultAPI

AUDIENCE: Final = "https://api.openai.com/v1"
PROVIDERS: Final = "/workload_identity_providers"


@dataclass(frozen=True)
class FederatedAccount:
    """A service account that a workload may act as, by OpenAI's ids."""

    openai: OpenAIServer
    provider_id: str
    account_id: str
    rule_id: str

    def update_provider(self, **fields: object) -> None:
        """Change the provider, such as `enabled=False`."""
        self.openai.admin("POST", f"{PROVIDERS}/{self.provider_id}", fields)

    def update_rule(self, **fields: object) -> None:
        """Change the rule."""
        rule = f"{PROVIDERS}/{self.provider_id}/federation_rules/{self.rule_id}"
        self.openai.admin("POST", rule, fields)

    def delete_rule(self) -> None:
        """Delete the rule: nothing may act as the account any more."""
        rule = f"{PROVIDERS}/{self.provider_id}/federation_rules/{self.rule_id}"
        self.openai.admin("DELETE", rule)

    def exchanges(self) -> int:
        """Return how many tokens were given so far, to anybody."""
        return self.openai.state()["answers"].get("token.exchange", {}).get("200", 0)


def federate(  # noqa: PLR0913 - what the organization has to be told, by name
    openai: OpenAIServer,
    project_id: str,
    issuer: str,
    matchers: Mapping[str, object],
    *,
    audience: str = AUDIENCE,
    discovery_url: str | None = None,
) -> FederatedAccount:
    """Trust an issuer, and let tokens of it that match act as a new service account."""
    provider = {
        "type": "oidc",
        "name": project_id,
        "issuer": issuer,
        "audience": audience,
        "verification": {"type": "discovery", "discovery_url": discovery_url},
    }
    provider_id = openai.admin("POST", PROVIDERS, provider)["id"]
    account_id, _ = openai.create_key(project_id)
    rule = {
        "project_id": project_id,
        "service_account_id": account_id,
        "attribute_matchers": dict(matchers),
    }
    rules = f"{PROVIDERS}/{provider_id}/federation_rules"
    rule_id = openai.admin("POST", rules, rule)["id"]
    return FederatedAccount(openai, provider_id, account_id, rule_id)


def enable_identity_tokens(vault: VaultAPI, role: str, *, ttl: str = "1h") -> str:
    """Let Vault sign identity tokens with a role; return the issuer that they name."""
    vault.request("POST", f"identity/oidc/key/{role}", {"allowed_client_ids": [AUDIENCE]})
    fields = {"key": role, "client_id": AUDIENCE, "ttl": ttl}
    vault.request("POST", f"identity/oidc/role/{role}", fields)
    return f"{vault.address}/v1/identity/oidc"


def entity_of(vault: VaultAPI, mount: str, role_id: str) -> str:
    """Return the id of the entity that logs in with an AppRole, made if it is not there yet."""
    accessor = vault.request("GET", f"sys/auth/{mount}")["data"]["accessor"]
    known = {"alias_name": role_id, "alias_mount_accessor": accessor}
    if found := vault.request("POST", "identity/lookup/entity", known):
        return str(found["data"]["id"])
    path = f"identity/entity/name/freshkey-{mount}"
    vault.request("POST", path, {})
    entity = str(vault.request("GET", path)["data"]["id"])
    alias = {"name": role_id, "canonical_id": entity, "mount_accessor": accessor}
    vault.request("POST", "identity/entity-alias", alias)
    return entity
