"""A key by federation when Vault or OpenAI refuses, is away, or has a limit."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import eventually
from tests.agent.reconfiguring import change

if TYPE_CHECKING:
    from pathlib import Path

    from testbed.emulator.settings import SettingsFields
    from tests.agent.federation import Federation
    from tests.agent.harness import Agent, Engine


def last_fault(agent: Agent) -> dict[str, str]:
    def found() -> dict[str, str] | None:
        with suppress(OSError):  # it does not listen yet
            fault: dict[str, str] | None = agent.status()["last_fault"]
            return fault
        return None

    return eventually(found, "a fault")


def test_what_openai_refuses_is_forbidden_with_its_words(
    federated: Agent, federation: Federation
) -> None:
    federation.account.update_provider(enabled=False)
    federated.start()
    fault = last_fault(federated)
    assert (fault["operation"], fault["fault"]) == ("exchange", "forbidden")
    assert (
        "refuses it (403): invalid_grant: The identity provider is not enabled."
        in (fault["message"])
    )
    assert '; the token has issuer "http://127.0.0.1:' in fault["message"]
    federation.account.update_provider(enabled=True, audience="https://other")
    federated.post("/v1/keys/billing/rotate")
    eventually(lambda: "audience" in last_fault(federated)["message"].split(";")[0], "its words")
    federation.account.update_provider(audience="https://api.openai.com/v1")
    federated.post("/v1/keys/billing/rotate")
    federated.wait_for_key()


def test_what_vault_forbids_is_told_with_path_and_capability(
    federated: Agent, engine: Engine
) -> None:
    engine.vault.write_policy(engine.mount, 'path "x" { capabilities = ["read"] }')
    federated.start()
    fault = last_fault(federated)
    assert fault["fault"] == "forbidden"
    assert f"has to give `read` on identity/oidc/token/{engine.mount}" in fault["message"]


def test_a_role_that_is_not_there(federated: Agent, federation: Federation, engine: Engine) -> None:
    engine.vault.write_policy(engine.mount, 'path "identity/*" { capabilities = ["read"] }')
    federation.edit(federated, vault_oidc_role='"nobody"')
    federated.start()
    fault = last_fault(federated)
    assert fault["fault"] == "not_found"
    assert "there is no identity/oidc/role/nobody" in fault["message"]


def test_a_token_without_an_entity(federated: Agent, engine: Engine, tmpfs_path: Path) -> None:
    made = engine.vault.request(
        "POST", "auth/token/create", {"policies": [engine.mount], "ttl": "1h"}
    )
    (tmpfs_path / "token").write_text(made["auth"]["client_token"])
    text = federated.config.read_text()
    begin, end = text.index("[auth]"), text.index("[state]")
    method = '[auth]\nmethod = "token"\ntoken_file = "token"\n'
    federated.config.write_text(text[:begin] + method + text[end:])
    federated.start()
    fault = last_fault(federated)
    assert fault["fault"] == "bad_request"
    assert "a token that was made by hand has no entity" in fault["message"]


@pytest.mark.parametrize(
    "settings",
    [
        {"errors": {"token.exchange": "unavailable"}},
        {"requests_per_minute": {"token.exchange": 0}},
    ],
)
def test_openai_away_or_at_a_limit_keeps_the_key(
    federated: Agent, engine: Engine, settings: SettingsFields
) -> None:
    federated.start()
    key = federated.wait_for_key()
    engine.openai.configure(**settings)
    federated.post("/v1/keys/billing/rotate")
    fault = last_fault(federated)
    assert (fault["operation"], fault["fault"]) == ("exchange", "upstream")
    assert (federated.key() or {})["tag"] == key["tag"]
    engine.openai.configure()
    federated.post("/v1/keys/billing/rotate")
    federated.wait_for_key(other_than=key["tag"])


def test_an_outage_that_outlasts_the_token(federated: Agent, engine: Engine) -> None:
    """It is served to its end; then OpenAI refuses it, and nobody gets it any more."""
    lifetime = 10
    engine.openai.configure(access_token_lifetime=lifetime)
    change(federated, 'activation_timeout = "5s"', 'activation_timeout = "1s"')
    federated.start()
    first = federated.wait_for_key()
    engine.openai.configure(
        access_token_lifetime=lifetime, errors={"token.exchange": "unavailable"}
    )
    fault = last_fault(federated)
    assert (fault["operation"], fault["fault"]) == ("exchange", "upstream")
    assert (federated.key() or {})["tag"] == first["tag"]
    eventually(lambda: not federated.key_file.exists(), "it is withdrawn")
    (told,) = federated.told("key.withdrawn")
    assert (told["tag"], told["why"]) == (first["tag"], "refused")
    assert federated.get("/v1/keys/billing")[0] == 503
    engine.openai.configure()
    federated.post("/v1/keys/billing/rotate")
    second = federated.wait_for_key(other_than=first["tag"])
    assert federated.key_file.read_text() == second["key"]
    assert len(federated.logged("lease.left")) == 0, "the first one has ended by itself"


def test_an_account_that_is_deleted_is_noticed_by_a_report(
    federated: Agent, federation: Federation, engine: Engine
) -> None:
    """No token of it works any more, and none is given."""
    federated.start()
    first = federated.wait_for_key()
    engine.openai.delete_account(federation.account.account_id)
    assert federated.post("/v1/keys/billing/rejected", tag=first["tag"]) == 202
    fault = last_fault(federated)
    assert fault["fault"] == "forbidden"
    assert "No service account mapping matches" in fault["message"]


def test_vault_away_is_waited_for(federated: Agent, engine: Engine) -> None:
    federated.start()
    first = federated.wait_for_key()
    engine.vault.freeze()
    try:
        federated.post("/v1/keys/billing/rotate")
        eventually(
            lambda: (federated.status()["last_fault"] or {}).get("fault") == "unreachable",
            "Vault does not answer",
            seconds=30,
        )
        assert (federated.key() or {})["tag"] == first["tag"]
    finally:
        engine.vault.thaw()
    federated.wait_for_key(other_than=first["tag"])
