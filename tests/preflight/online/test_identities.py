"""What the online check says of an identity token's claims. Pure."""

from __future__ import annotations

from typing import Any

import pytest
from freshkey.core.model.policy import Subject
from freshkey.core.model.struct import replace
from freshkey.preflight.online.identities import judge
from freshkey.preflight.online.report import Outcome
from freshkey.settings.keys import FederationSettings, KeySettings, KeySource
from freshkey.vault.login.claims import Claims

NOW = 1_790_000_000.0
CLAIMS = Claims("https://issuer", "job", ("https://api.openai.com/v1",), NOW + 3600)
FEDERATION = FederationSettings(
    identity_provider_id="idp_1",
    service_account_id="svc_acct_1",
    subject=Subject.VAULT,
    vault_oidc_role="billing",
)
KEY = KeySettings(source=KeySource.FEDERATION, federation=FEDERATION)


def judged(key: KeySettings = KEY, **changes: Any) -> list[tuple[Outcome, str]]:  # noqa: ANN401 - any claim
    found = judge("place", key, replace(CLAIMS, **changes), NOW)
    return [(result.outcome, result.message) for result in found]


def test_a_token_as_it_should_be() -> None:
    ((outcome, message),) = judged()
    assert outcome is Outcome.FINE
    assert message.startswith('the token has issuer "https://issuer", subject "job", audience "')
    assert message.endswith('"https://api.openai.com/v1", ends in 3600 s')


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"issuer": ""}, "no issuer (iss), which OpenAI needs"),
        ({"subject": ""}, "no subject (sub), which"),
        ({"audiences": ()}, "no audience (aud), which"),
        ({"ends_at": None}, "no end (exp), which"),
        ({"subject": "", "audiences": ()}, "no subject (sub) and no audience (aud), which"),
        ({"ends_at": NOW - 5}, "ended 5 s ago: have it renewed in time"),
        ({"ends_at": NOW}, "have it renewed in time"),
    ],
)
def test_what_openai_would_refuse(changes: dict[str, Any], words: str) -> None:
    ((outcome, message),) = judged(**changes)
    assert (outcome, words in message) == (Outcome.FAILURE, True), message


def test_an_issuer_that_openai_can_not_ask() -> None:
    _, (outcome, message) = judged(issuer="http://vault:8200/v1/identity/oidc")
    assert outcome is Outcome.WARNING
    assert "is no https address" in message
    here = replace(FEDERATION, exchange_url="http://127.0.0.1:8080/oauth/token")
    assert len(judged(replace(KEY, federation=here), issuer="http://vault:8200")) == 1


@pytest.mark.parametrize(("overlap", "left", "warned"), [(300.0, 670, False), (300.0, 669, True)])
def test_a_token_too_short_for_its_overlap(overlap: float, left: float, *, warned: bool) -> None:
    """Half of its life has to hold overlap, test, and margin: 300 + 30 + 5 s."""
    found = judged(replace(KEY, overlap=overlap), ends_at=NOW + left)
    assert (len(found) == 2) == warned
    if warned:
        assert "too short for an overlap of 5m" in found[1][1]
