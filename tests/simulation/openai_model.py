"""A model of OpenAI: service accounts with a key each, and whether a key opens anything.

test_contract.py compares its answers with those of the testbed's emulator.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import Any, Final

from tests.simulation.http import HttpAnswer

_PAGE: Final = "https://platform.openai.com/account/api-keys"


@dataclass
class Account:
    """A service account and its only key; `lease` is what will delete it, if something will."""

    id: str
    key_id: str
    secret: str
    role: str
    made_at: float
    active_at: float
    deleted_at: float = inf
    lease: str = ""
    ended_by: str = ""  # who ended it: expiry | agent | outside
    told_until: float = inf  # when it was to end as far as anybody was told, once it has

    def works(self, now: float) -> bool:
        """Whether OpenAI takes the key."""
        return self.active_at <= now < self.deleted_at


@dataclass
class OpenAIModel:
    """What it holds, and how it behaves at the moment."""

    random: Random
    activation_delay: float = 0.0
    refuses_all: bool = False  # a 401 for every key, as in an outage of its key store
    models_error: str = ""  # unavailable | rate_limited | missing_scopes
    organization_error: str = ""  # rate_limited | server_error
    deletion_error: str = ""  # as organization_error
    exchange_error: int = 0  # a status: 400, 401, 403, or 429
    accounts: dict[str, Account] = field(default_factory=dict)
    activating: list[float] = field(default_factory=list)  # when keys begin to work
    tested: set[str] = field(default_factory=set)  # keys that a test has found good
    by_secret: dict[str, Account] = field(default_factory=dict)

    def create(self, role: str, now: float) -> Account:
        """Make an account with a key."""
        number = f"{self.random.getrandbits(96):024x}"
        account = Account(
            f"svc_acct_{number}",
            f"key_{number[::-1]}",
            f"sk-svcacct-{self.random.getrandbits(160):040x}",
            role,
            now,
            now + self.activation_delay,
        )
        self.accounts[account.id] = self.by_secret[account.secret] = account
        self.activating.append(account.active_at)
        return account

    def exchange(self, role: str, seconds: float, now: float) -> HttpAnswer:
        """Answer POST /oauth/token with a token that lives for so long."""
        if self.models_error == "unavailable":
            return error(503, "The engine is currently overloaded, please try again later")
        if self.exchange_error:
            return refused_exchange(self.exchange_error)
        account = self.create(role, now)
        account.deleted_at, account.ended_by = now + seconds, "expiry"
        self.activating.append(account.deleted_at)
        return HttpAnswer(200, {"access_token": account.secret, "expires_in": int(seconds)})

    def next_activation(self, now: float) -> float:
        """When another key begins to work, or a token ends."""
        self.activating = [at for at in self.activating if at > now]
        return min(self.activating, default=inf)

    def delete(self, account_id: str, now: float, by: str) -> None:
        """End an account and its key."""
        account = self.accounts[account_id]
        if now < account.deleted_at:
            account.deleted_at, account.ended_by = now, by

    def works(self, secret: str, now: float) -> bool:
        """Whether a key opens anything now."""
        account = self.by_secret.get(secret)
        return not self.refuses_all and account is not None and account.works(now)

    def models(self, secret: str, now: float) -> HttpAnswer:
        """Answer GET /v1/models."""
        if not self.works(secret, now):
            return error(401, invalid_key(secret), code="invalid_api_key")
        match self.models_error:
            case "unavailable":
                return error(503, "The engine is currently overloaded, please try again later")
            case "rate_limited":
                self.tested.add(secret)
                return error(429, "Rate limit reached", kind="requests", code="rate_limit_exceeded")
            case "missing_scopes":
                self.tested.add(secret)
                return error(403, MISSING_SCOPES, code="missing_scope")
        self.tested.add(secret)
        data = [{"id": "gpt-4o-mini", "object": "model", "created": 1, "owned_by": "system"}]
        return HttpAnswer(200, {"object": "list", "data": data})


MISSING_SCOPES: Final = (
    "You have insufficient permissions for this operation. Missing scopes: api.model.read."
)


def invalid_key(secret: str) -> str:
    """OpenAI's words for a key that it does not know."""
    shown = secret[:8] + "*" * (len(secret) - 12) + secret[-4:]
    return f"Incorrect API key provided: {shown}. You can find your API key at {_PAGE}."


def error(
    status: int, message: str, *, kind: str = "invalid_request_error", code: str | None = None
) -> HttpAnswer:
    """Answer with OpenAI's usual body."""
    body: dict[str, Any] = {"message": message, "type": kind, "param": None, "code": code}
    return HttpAnswer(status, {"error": body})


def refused_exchange(status: int) -> HttpAnswer:
    """Answer an exchange as RFC 6749, section 5.2, has it, or with the API's own limit."""
    match status:
        case 429:
            return error(429, "Rate limit reached", kind="requests", code="rate_limit_exceeded")
        case 400:
            body = {"error": "invalid_request", "error_description": "A parameter is missing."}
        case 401:
            body = {"error": "invalid_subject_token", "error_description": "It has expired."}
        case _:
            body = {"error": "invalid_grant", "error_description": "No mapping matches."}
    return HttpAnswer(status, body)


def upstream_words(name: str) -> str:
    """How the engine reports what the organization API answered."""
    if name == "rate_limited":
        words = "requests - You're making too many requests, please slow down."
        return f"API error (429): {words} (code: rate_limit_exceeded)"
    words = "The server had an error while processing your request. Sorry about that!"
    return f"API error (500): server_error - {words}"
