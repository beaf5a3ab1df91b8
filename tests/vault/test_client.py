"""Leases and tokens, against the real Vault and the stand-in engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.grants import TokenKind
from freshkey.core.model.secret import Secret
from freshkey.host.clock import boot_time

if TYPE_CHECKING:
    from freshkey.vault.client import VaultClient

    from testbed.vault import VaultServer
    from tests.vault.conftest import Engine


async def mint_fault(
    client: VaultClient, token: Secret, path: str, field: str = "api_key"
) -> Fault:
    with pytest.raises(FaultError) as caught:
        await client.mint(token, path, field, None)
    assert not caught.value.fault.unanswered
    return caught.value.fault


async def test_the_life_of_a_lease(client: VaultClient, engine: Engine) -> None:
    token = engine.token()
    began = boot_time()
    grant = await client.mint(token, engine.path, "api_key", None)
    assert grant.lease_id.startswith(f"{engine.path}/")
    assert (grant.duration, grant.renewable) == (60.0, False)
    assert grant.secret.reveal().startswith("sk-svcacct-")
    assert grant.api_key_id is not None
    assert grant.api_key_id.startswith("key_")
    assert grant.service_account is not None
    assert grant.service_account.startswith("vault-billing-")
    assert grant.request_id
    assert began <= grant.asked_at <= boot_time()
    assert engine.keys_alive() == 1

    remaining = await client.look_up_lease(token, grant.lease_id)
    assert remaining is not None
    assert 55 <= remaining.duration <= 60
    assert not remaining.renewable

    await client.revoke_lease(token, grant.lease_id)
    await client.revoke_lease(token, grant.lease_id)  # no fault: Vault has taken it over
    with trio.fail_after(30):  # Vault may be at it still: the lease has no length then
        while await client.look_up_lease(token, grant.lease_id):  # noqa: ASYNC110 - Vault tells nobody
            await trio.sleep(0.05)


async def test_a_mint_asks_for_a_shorter_lease(client: VaultClient, engine: Engine) -> None:
    grant = await client.mint(engine.token(), engine.path, "api_key", 9.5)
    assert grant.duration == 10.0


async def test_a_lease_that_can_be_renewed(client: VaultClient, engine: Engine) -> None:
    engine.vault.write_role(engine.mount, "billing", ttl="20s", max_ttl="10m", renewable=True)
    token = engine.token()
    grant = await client.mint(token, engine.path, "api_key", None)
    assert grant.renewable
    renewal = await client.renew_lease(token, grant.lease_id, 40.0)
    assert renewal.renewable
    assert 19 <= renewal.duration <= 40
    assert renewal.asked_at >= grant.asked_at


async def test_a_lease_that_can_not_be_renewed(client: VaultClient, engine: Engine) -> None:
    token = engine.token()
    grant = await client.mint(token, engine.path, "api_key", None)
    with pytest.raises(FaultError) as caught:
        await client.renew_lease(token, grant.lease_id, 60.0)
    fault = caught.value.fault
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message == "Vault refuses sys/leases/renew: lease is not renewable"


async def test_a_role_that_does_not_exist(client: VaultClient, vault: VaultServer) -> None:
    vault.enable_openai("openai-empty", "http://127.0.0.1:1/v1")
    fault = await mint_fault(client, Secret(vault.token), "openai-empty/creds/nope")
    assert fault.kind is FaultKind.NOT_FOUND
    assert fault.message.endswith('openai-empty/creds/nope: role "nope" does not exist')


async def test_an_engine_that_does_not_exist(client: VaultClient, vault: VaultServer) -> None:
    fault = await mint_fault(client, Secret(vault.token), "nowhere/creds/nope")
    assert fault.kind is FaultKind.NOT_FOUND
    assert "no handler for route" in fault.message


async def test_a_field_that_is_missing(client: VaultClient, engine: Engine) -> None:
    token = engine.token()
    fault = await mint_fault(client, token, engine.path, "key")
    assert fault.kind is FaultKind.MALFORMED
    assert fault.message == (
        f"{engine.path}: the field key is missing; there are api_key; api_key_id; "
        "service_account; service_account_id"
    )
    assert fault.orphan is not None
    lease_id, duration = fault.orphan
    assert duration == 60.0
    await client.revoke_lease(token, lease_id)


async def test_a_policy_that_forbids(client: VaultClient, engine: Engine) -> None:
    foreign = engine.token(policies=["default"])
    fault = await mint_fault(client, foreign, engine.path)
    assert fault.kind is FaultKind.FORBIDDEN
    assert fault.message.endswith(
        f"the policy has to give `read` on {engine.path}, if that path is right"
    )

    grant = await client.mint(engine.token(), engine.path, "api_key", None)
    with pytest.raises(FaultError) as caught:
        await client.revoke_lease(foreign, grant.lease_id)
    assert caught.value.fault.kind is FaultKind.FORBIDDEN
    assert caught.value.fault.message.endswith(f"`update` on sys/leases/revoke/{engine.path}/*")
    assert engine.keys_alive() == 1


async def test_a_token_that_is_gone(client: VaultClient, engine: Engine) -> None:
    token = engine.token()
    await client.revoke_token(token)
    assert (await mint_fault(client, token, engine.path)).kind is FaultKind.TOKEN_INVALID
    for call in (client.look_up_lease(token, "x"), client.revoke_token(token)):
        with pytest.raises(FaultError) as caught:
            await call
        assert caught.value.fault.kind is FaultKind.TOKEN_INVALID


async def test_openai_at_its_limit(client: VaultClient, engine: Engine) -> None:
    engine.openai.configure(errors={"service_account.create": "rate_limited"})
    fault = await mint_fault(client, engine.token(), engine.path)
    assert (fault.kind, fault.upstream_status) == (FaultKind.UPSTREAM, 429)
    assert "You're making too many requests" in fault.message


async def test_openai_refuses_the_admin_key(client: VaultClient, engine: Engine) -> None:
    engine.openai.configure(errors={"organization": "invalid_api_key"})
    fault = await mint_fault(client, engine.token(), engine.path)
    assert (fault.kind, fault.upstream_status) == (FaultKind.UPSTREAM, 401)
    assert "Incorrect API key provided" in fault.message
    assert "sk-" not in fault.message


async def test_openai_forbids_with_a_bare_string(client: VaultClient, engine: Engine) -> None:
    engine.openai.configure(errors={"project.get": "bare_string"})
    fault = await mint_fault(client, engine.token(), engine.path)
    assert (fault.kind, fault.upstream_status) == (FaultKind.UPSTREAM, 403)


async def test_openai_does_not_answer(client: VaultClient, engine: Engine) -> None:
    engine.openai.configure(lost_answers={"project.get": 5})
    fault = await mint_fault(client, engine.token(), engine.path)
    assert (fault.kind, fault.upstream_status) == (FaultKind.UPSTREAM, None)
    assert "Vault can't reach OpenAI" in fault.message


async def test_the_life_of_a_token(client: VaultClient, engine: Engine) -> None:
    token = engine.token(ttl="30s", explicit_max_ttl="50s")
    login = await client.look_up_token(token, owned=True)
    assert (login.token, login.kind, login.renewable) == (token, TokenKind.SERVICE, True)
    assert login.owned
    assert login.accessor
    assert login.duration is not None
    assert 28 <= login.duration <= 30
    renewal = await client.renew_token(token, 40.0)
    assert 38 <= renewal.duration <= 40
    capped = await client.renew_token(token, 600.0)
    assert 40 <= capped.duration <= 50
    await client.revoke_token(token)


async def test_the_root_token_never_ends(client: VaultClient, vault: VaultServer) -> None:
    login = await client.look_up_token(Secret(vault.token), owned=False)
    assert login.duration is None
    assert not login.renewable


async def test_a_batch_token(client: VaultClient, engine: Engine) -> None:
    token = engine.token(type="batch")
    login = await client.look_up_token(token, owned=True)
    assert (login.kind, login.accessor, login.renewable) == (TokenKind.BATCH, "", False)
    assert login.duration is not None
    with pytest.raises(FaultError) as caught:
        await client.revoke_token(token)
    assert caught.value.fault.kind is FaultKind.BAD_REQUEST


async def test_a_token_with_a_use_limit(client: VaultClient, engine: Engine) -> None:
    with pytest.raises(FaultError) as caught:
        await client.look_up_token(engine.token(num_uses=5), owned=False)
    assert caught.value.fault.kind is FaultKind.BAD_REQUEST
    assert "use limit" in caught.value.fault.message


async def test_a_sealed_vault(client: VaultClient, engine: Engine) -> None:
    token = engine.token()
    await client.ping()
    engine.vault.request("PUT", "sys/seal")
    try:
        fault = await mint_fault(client, token, engine.path)
        with pytest.raises(FaultError) as caught:
            await client.ping()
    finally:
        engine.vault.request("PUT", "sys/unseal", {"key": engine.vault.unseal_key})
    assert fault.kind is FaultKind.SEALED
    assert caught.value.fault.kind is FaultKind.SEALED
    await client.ping()
