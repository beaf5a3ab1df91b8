"""Identity tokens, which the real Vault signs, and what no Vault answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.secret import Secret
from freshkey.vault.login.claims import read_claims

from testbed.federation import AUDIENCE, enable_identity_tokens
from tests.vault.conftest import make_client
from tests.vault.servers import ScriptedServer, answer

if TYPE_CHECKING:
    from freshkey.vault.client import VaultClient

    from testbed.vault import VaultServer
    from tests.vault.conftest import AppRole

ROLE = "agent-identity"


async def fault(client: VaultClient, token: Secret, role: str) -> Fault:
    with pytest.raises(FaultError) as caught:
        await client.read_identity(token, role)
    return caught.value.fault


async def test_vault_signs(approle: AppRole, vault: VaultServer) -> None:
    issuer = enable_identity_tokens(vault, ROLE)
    vault.write_policy(
        "default-identity", f'path "identity/oidc/token/{ROLE}" {{ capabilities = ["read"] }}'
    )
    vault.request(
        "POST", f"auth/{approle.mount}/role/agent", {"token_policies": ["default-identity"]}
    )
    client = approle.client()
    login = await client.log_in(None, lambda _: None)
    identity = await client.read_identity(login.token, ROLE)
    claims = read_claims(identity.token)
    assert claims is not None
    assert (claims.issuer, claims.audiences) == (issuer, (AUDIENCE,))
    assert claims.subject
    assert identity.request_id
    assert identity.token.reveal() not in repr(identity)
    forbidden = await fault(client, login.token, "other")
    assert forbidden.kind is FaultKind.FORBIDDEN
    assert "the policy has to give `read` on identity/oidc/token/other" in forbidden.message
    root = Secret(vault.token)
    missing = await fault(client, root, "nobody")
    assert (missing.kind, "identity/oidc/role/nobody" in missing.message) == (
        FaultKind.NOT_FOUND,
        True,
    )
    by_hand = await fault(client, root, ROLE)
    assert (by_hand.kind, "has no entity" in by_hand.message) == (FaultKind.BAD_REQUEST, True)
    gone = await fault(client, Secret("hvs.gone"), ROLE)
    assert gone.kind is FaultKind.TOKEN_INVALID


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"data": {"token": 7}}, FaultKind.MALFORMED),
        ({"data": {"token": ""}}, FaultKind.MALFORMED),
        ({"data": None}, FaultKind.MALFORMED),
        ({}, FaultKind.MALFORMED),
    ],
)
async def test_what_is_no_identity_token(body: object, kind: FaultKind) -> None:
    with ScriptedServer(answer(body=body)) as server:
        client = make_client(f"http://127.0.0.1:{server.port}")
        found = await fault(client, Secret("hvs.canary"), ROLE)
    assert (found.kind, found.unanswered, "canary" in found.message) == (kind, False, False)


async def test_words_that_are_new() -> None:
    refusal = answer(400, {"errors": ["something else"]})
    with ScriptedServer(refusal) as server:
        client = make_client(f"http://127.0.0.1:{server.port}")
        found = await fault(client, Secret("hvs.canary"), ROLE)
    assert (found.kind, "something else" in found.message) == (FaultKind.BAD_REQUEST, True)
