"""The emulator's exchange, made by the official client with tokens that the real Vault signs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import openai
import pytest
from openai import OpenAI

from testbed.emulator.organization import ADMIN_API_KEY
from testbed.federation import (
    AUDIENCE,
    FederatedAccount,
    enable_identity_tokens,
    entity_of,
    federate,
)
from testbed.vault import VaultServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openai.auth import WorkloadIdentity

    from testbed.emulator.process import OpenAIServer
    from testbed.emulator.settings import SettingsFields

_NUMBERS = count(1)


@dataclass
class Workload:
    """What logs in to Vault, asks for an identity token, and exchanges it."""

    vault: VaultServer
    account: FederatedAccount
    role: str
    token: str

    def identity(self) -> str:
        path = f"identity/oidc/token/{self.role}"
        return str(self.vault.request("GET", path, token=self.token)["data"]["token"])

    def client(self, identity: str | None = None, **ids: str) -> OpenAI:
        """The package's client, which exchanges tokens by itself."""
        workload: WorkloadIdentity = {
            "identity_provider_id": ids.get("provider", self.account.provider_id),
            "service_account_id": ids.get("account", self.account.account_id),
            "provider": {"token_type": "jwt", "get_token": lambda: identity or self.identity()},
        }
        server = self.account.openai
        made = OpenAI(workload_identity=workload, base_url=server.base_url, max_retries=0)
        exchange: Any = made._workload_identity_auth  # noqa: SLF001 - the package has no option for it
        exchange.token_exchange_url = server.exchange_url
        return made

    def refusal(self, identity: str | None = None, **ids: str) -> openai.OAuthError:
        with self.client(identity, **ids) as client, pytest.raises(openai.OAuthError) as caught:
            client.models.list()
        return caught.value


def status_of(error: openai.OAuthError) -> int:
    return error.response.status_code  # its own is typed as a 401


@pytest.fixture
def workload(vault: VaultServer, openai_server: OpenAIServer) -> Iterator[Workload]:
    openai_server.reset()
    mount = f"federation-{next(_NUMBERS)}"
    project = openai_server.create_project(mount)
    vault.write_policy(mount, f'path "identity/oidc/token/{mount}" {{ capabilities = ["read"] }}')
    role_id, secret_id = vault.approle(mount, [mount])
    issuer = enable_identity_tokens(vault, mount)
    account = federate(openai_server, project, issuer, {"sub": entity_of(vault, mount, role_id)})
    fields = {"role_id": role_id, "secret_id": secret_id}
    login = vault.request("POST", f"auth/{mount}/login", fields)
    yield Workload(vault, account, mount, login["auth"]["client_token"])
    openai_server.configure()
    vault.request("DELETE", f"sys/auth/{mount}")


def test_the_client_exchanges_a_token_and_uses_what_it_gets(workload: Workload) -> None:
    with workload.client() as client:
        assert [model.id for model in client.models.list()]
        answer = client.responses.create(model="gpt-4o-mini", input="hello")
    assert answer.status == "completed"
    state = workload.account.openai.state()
    (token,) = state["access_tokens"]
    assert token["account_id"] == workload.account.account_id
    assert 3500 < token["expires_at"] - state["now"] <= 3600
    assert state["requests"][token["fingerprint"]]["ok"] == 2
    assert state["answers"]["token.exchange"] == {"200": 1}


def test_a_token_ends_and_is_exchanged_anew(workload: Workload) -> None:
    workload.account.openai.configure(access_token_lifetime=1)
    with workload.client() as client:
        client.models.list()
        time.sleep(1.1)  # its life
        client.models.list()
    assert workload.account.exchanges() == 2


def test_a_token_lives_no_longer_than_the_identity_token(workload: Workload) -> None:
    role = f"identity/oidc/role/{workload.role}"
    workload.vault.request(
        "POST", role, {"key": workload.role, "client_id": AUDIENCE, "ttl": "90s"}
    )
    with workload.client() as client:
        client.models.list()
    state = workload.account.openai.state()
    assert 80 < state["access_tokens"][0]["expires_at"] - state["now"] <= 90


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"audience": "https://other"}, 401, "audience"),
        ({"issuer": "https://other", "verification": None}, 401, "issuer"),
        ({"enabled": False}, 403, "not enabled"),
    ],
)
def test_a_provider_that_does_not_fit(
    workload: Workload, change: dict[str, object], status: int, words: str
) -> None:
    if "verification" in change:  # the keys are Vault's all the same
        keys = workload.vault.request("GET", "identity/oidc/.well-known/keys")
        change |= {"verification": {"type": "uploaded_jwks", "jwks": keys}}
    workload.account.update_provider(**change)
    refusal = workload.refusal()
    assert (status_of(refusal), words in str(refusal)) == (status, True)
    assert refusal.error in {"invalid_subject_token", "invalid_grant"}


def test_a_rule_that_does_not_match_any_more(workload: Workload) -> None:
    workload.account.update_rule(attribute_matchers={"sub": "somebody else"})
    assert workload.refusal().error == "invalid_grant"
    workload.account.update_rule(attribute_matchers={"aud": AUDIENCE}, enabled=False)
    assert status_of(workload.refusal()) == 403
    workload.account.update_rule(enabled=True)
    with workload.client() as client:
        client.models.list()
        workload.account.delete_rule()
        client.models.list()  # what was given lives on to its end
    assert status_of(workload.refusal()) == 403


def test_a_deleted_account_ends_its_tokens(workload: Workload) -> None:
    with workload.client() as client:
        client.models.list()
        workload.account.openai.delete_account(workload.account.account_id)
        with pytest.raises(openai.OAuthError, match="No service account mapping"):
            client.models.list()  # a 401, after which the package exchanges anew


def test_a_token_that_is_not_the_issuers(workload: Workload) -> None:
    identity = workload.identity()
    head, claims, signature = identity.split(".")
    forged = f"{head}.{claims}.{signature[:-8]}AAAAAAAA"
    assert "signature" in str(workload.refusal(forged))
    assert "not a JWT" in str(workload.refusal("nonsense"))
    assert "not a JWT" in str(workload.refusal(identity[:-9]))
    assert "no such identity provider" in str(workload.refusal(provider="idp_other"))
    assert status_of(workload.refusal(account="svc_acct_other")) == 403


def test_clocks_that_differ(workload: Workload) -> None:
    server = workload.account.openai
    server.configure(clock_skew=7200)
    assert "expired" in str(workload.refusal())
    server.configure(clock_skew=-120)
    assert "not valid yet" in str(workload.refusal())
    server.configure(clock_skew=-30)
    with workload.client() as client:
        client.models.list()


def test_the_exchange_fails_as_configured(workload: Workload) -> None:
    server = workload.account.openai
    faults: tuple[tuple[SettingsFields, str], ...] = (
        ({"errors": {"token.exchange": "unavailable"}}, "status 503"),
        ({"requests_per_minute": {"token.exchange": 0}}, "status 429"),
        ({"errors": {"auth": "forbidden"}}, "turned off"),
    )
    for settings, words in faults:
        server.configure(**settings)
        with workload.client() as client, pytest.raises(openai.OpenAIError, match=words):
            client.models.list()
    server.configure(delay_before={"token.exchange": 0.3})
    began = time.monotonic()
    with workload.client() as client:
        client.models.list()
    assert time.monotonic() - began >= 0.3


def test_the_client_reads_providers_and_rules(workload: Workload) -> None:
    server = workload.account.openai
    with OpenAI(api_key="", admin_api_key=ADMIN_API_KEY, base_url=server.base_url) as client:
        providers = client.admin.organization.workload_identity_providers
        made = providers.create(audience="a", issuer="https://issuer", name="n", type="oidc")
        assert providers.retrieve(made.id).verification.type == "discovery"
        assert providers.update(made.id, enabled=False).enabled is False
        assert {each.id for each in providers.list()} == {made.id, workload.account.provider_id}
        with pytest.raises(openai.NotFoundError):
            providers.federation_rules.create(
                made.id,
                attribute_matchers={"sub": "x"},
                project_id="proj_emulator",
                service_account_id=workload.account.account_id,
            )
        (rule,) = providers.federation_rules.list(workload.account.provider_id)
        assert rule.id == workload.account.rule_id
        assert rule.permissions.type == "service_account_default"
        assert providers.delete(made.id).deleted
