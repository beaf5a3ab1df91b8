"""What the executor learns of secrets, which must not show up in a log from then on."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING

import trio
from freshkey.core.model.actions import Exchange
from freshkey.core.model.events import Exchanged, Failed
from freshkey.core.model.policy import Subject
from freshkey.core.model.secret import Secret
from freshkey.daemon.counters import Counters
from freshkey.daemon.executor import RemoteExecutor
from freshkey.logs.redact import redact_text
from freshkey.settings.auth import TokenAuth
from freshkey.settings.keys import FederationSettings, KeySettings
from freshkey.settings.model import Settings, StateSettings, VaultSettings

from tests.openai.servers import answer, serving

if TYPE_CHECKING:
    from pathlib import Path

    from freshkey.core.model.events import Event

IDENTITY = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJiaWxsaW5nIn0.c2lnbmF0dXJl"
GIVEN = {"access_token": "access-token-that-nobody-knows", "expires_in": 3599}


async def performed(tmp_path: Path, url: str, order: Exchange) -> Event:
    identity = tmp_path / "identity"
    identity.write_text(IDENTITY)
    federation = FederationSettings(
        identity_provider_id="idp_1",
        service_account_id="svc_acct_1",
        subject=Subject.FILE,
        subject_token_file=identity,
        exchange_url=url,
    )
    settings = Settings(
        vault=VaultSettings(addresses=("http://127.0.0.1:1",)),
        auth=TokenAuth(),
        state=StateSettings(directory=tmp_path),
        keys={"billing": KeySettings(federation=federation)},
    )
    executor = RemoteExecutor(settings, lambda _: None, Counters())
    async with aclosing(executor), trio.open_nursery() as nursery:
        nursery.start_soon(executor.prepare, 0)
        return await executor.perform(order)


async def test_an_access_token_is_masked_from_the_first_moment_on(tmp_path: Path) -> None:
    async with serving(answer(200, json.dumps(GIVEN).encode())) as server:
        url = server.base_url.replace("/v1", "/oauth/token")
        given = await performed(tmp_path, url, Exchange("billing", 0, None))
    assert isinstance(given, Exchanged)
    assert given.grant.secret.reveal() == GIVEN["access_token"]
    assert redact_text(f"a token {GIVEN['access_token']} in a text") == "a token *** in a text"


async def test_the_token_of_vault_that_vouches_is_masked(tmp_path: Path) -> None:
    token = Secret("token-of-vault-that-nobody-knows")
    failed = await performed(tmp_path, "http://127.0.0.1:1/", Exchange("billing", 1, token))
    assert isinstance(failed, Failed)
    assert redact_text(f"a token {token.reveal()} in a text") == "a token *** in a text"
