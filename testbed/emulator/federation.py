"""Workload identity federation: whose tokens the organization trusts, and what it gave for them.

Pure bookkeeping: the time is an argument, in Unix seconds. Source: the types of openai-python under
`openai/types/admin/organization/workload_identity_provider*`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_urlsafe

from testbed.emulator.records import digest, new_id

Body = dict[str, object]
PREFIX = "oaiat-"
"""What access tokens begin with here; what they look like at OpenAI is not documented."""


@dataclass(frozen=True, slots=True)
class Provider:
    """An issuer of identity tokens; `verification` says where its keys are."""

    name: str
    issuer: str
    audience: str
    created_at: float
    verification: Mapping[str, object]
    enabled: bool = True
    description: str | None = None
    attribute_transformations: Sequence[Mapping[str, str]] = ()
    updated_at: float = 0
    id: str = field(default_factory=lambda: new_id("idp_"))

    def body(self) -> Body:
        """Return it as the API shows it."""
        return {
            "id": self.id,
            "object": "organization.workload_identity_provider",
            "type": "oidc",
            "name": self.name,
            "description": self.description,
            "issuer": self.issuer,
            "audience": self.audience,
            "enabled": self.enabled,
            "verification": dict(self.verification),
            "attribute_transformations": [dict(each) for each in self.attribute_transformations],
            "created_at": int(self.created_at),
            "updated_at": int(self.updated_at or self.created_at),
        }


@dataclass(frozen=True, slots=True)
class Rule:
    """Which tokens of a provider may act as a service account: all matchers have to match."""

    provider_id: str
    service_account_id: str
    project_id: str
    attribute_matchers: Mapping[str, object]
    created_at: float
    permissions: Mapping[str, object] = field(
        default_factory=lambda: {"type": "service_account_default"}
    )
    enabled: bool = True
    name: str | None = None
    description: str | None = None
    updated_at: float = 0
    id: str = field(default_factory=lambda: new_id("idpm_"))

    def body(self) -> Body:
        """Return it as the API shows it."""
        return {
            "id": self.id,
            "object": "organization.workload_identity_federation_rule",
            "workload_identity_provider_id": self.provider_id,
            "service_account_id": self.service_account_id,
            "project_id": self.project_id,
            "attribute_matchers": dict(self.attribute_matchers),
            "permissions": dict(self.permissions),
            "enabled": self.enabled,
            "name": self.name,
            "description": self.description,
            "created_at": int(self.created_at),
            "updated_at": int(self.updated_at or self.created_at),
        }

    def matches(self, attributes: Mapping[str, object]) -> bool:
        """Whether a token with these attributes may act as the account."""
        return self.enabled and all(
            name in attributes and attributes[name] == wanted
            for name, wanted in self.attribute_matchers.items()
        )


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token that was given for an identity; the emulator keeps its digest alone."""

    id: str
    digest: str
    account_id: str
    issued_at: float
    expires_at: float


class Federation:
    """Providers, rules, and the access tokens that live, each by its id, tokens by their digest."""

    def __init__(self) -> None:
        self.providers: dict[str, Provider] = {}
        self.rules: dict[str, Rule] = {}
        self._tokens: dict[str, AccessToken] = {}

    def rules_of(self, provider_id: str) -> list[Rule]:
        """List the rules under a provider."""
        return [rule for rule in self.rules.values() if rule.provider_id == provider_id]

    def delete_provider(self, provider_id: str) -> None:
        """Delete a provider with its rules; what was given lives on to its end."""
        del self.providers[provider_id]
        for rule in self.rules_of(provider_id):
            del self.rules[rule.id]

    def issue(self, account_id: str, now: float, lifetime: float) -> str:
        """Give an access token for an account; return its value, which is kept nowhere."""
        value = PREFIX + token_urlsafe(48)
        token = AccessToken(new_id("tok_"), digest(value), account_id, now, now + lifetime)
        self._tokens[token.digest] = token
        return value

    def token(self, value: str, now: float) -> AccessToken | None:
        """Return the access token with this value, if it lives."""
        found = self._tokens.get(digest(value))
        return found if found is not None and now < found.expires_at else None

    def live(self, now: float) -> list[AccessToken]:
        """List the tokens that live, oldest first."""
        return [token for token in self._tokens.values() if now < token.expires_at]
