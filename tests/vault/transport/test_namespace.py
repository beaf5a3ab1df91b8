"""The namespace is a header of every request: seen on the wire, because open Vault has none."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.core.model.secret import Secret
from freshkey.settings.auth import AUTH_METHODS
from freshkey.vault.client import VaultClient

from tests.vault.conftest import make_client
from tests.vault.servers import ScriptedServer, answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from freshkey.core.model.grants import Unwrapped

TOKEN = Secret("hvs.canary")
# What every one of the calls takes for its answer.
ANSWER = answer(
    body={
        "request_id": "r",
        "lease_id": "openai/creds/billing/x",
        "lease_duration": 60,
        "auth": {"client_token": "hvs.new", "lease_duration": 60},
        "data": {
            "api_key": "sk-1",
            "creation_path": "auth/approle/role/agent/secret-id",
            "secret_id": "s",
            "ttl": 60,
            "token": "eyJ9.e30.sig",
        },
    }
)

CALLS: dict[str, Callable[[VaultClient], Awaitable[object]]] = {
    "look_up_token": lambda client: client.look_up_token(TOKEN, owned=True),
    "renew_token": lambda client: client.renew_token(TOKEN, 60),
    "revoke_token": lambda client: client.revoke_token(TOKEN),
    "read": lambda client: client.read(TOKEN, "kv/data/billing", "api_key"),
    "mint": lambda client: client.mint(TOKEN, "openai/creds/billing", "api_key", 60),
    "renew_lease": lambda client: client.renew_lease(TOKEN, "x", 60),
    "look_up_lease": lambda client: client.look_up_lease(TOKEN, "x"),
    "revoke_lease": lambda client: client.revoke_lease(TOKEN, "x"),
    "read_identity": lambda client: client.read_identity(TOKEN, "billing"),
    "ping": lambda client: client.ping(),
}
LOGINS: dict[str, tuple[dict[str, Any], int]] = {  # options, and how many requests it takes
    "token": ({"token": TOKEN}, 1),
    "approle": ({"role_id": "r", "secret_id_file": "", "secret_id_wrapped": True}, 3),
    "jwt": ({"role": "r", "jwt_file": ""}, 1),
    "kubernetes": ({"role": "r", "token_file": ""}, 1),
    "cert": ({}, 1),
    "aws": ({}, 1),
    "userpass": ({"username": "u", "password_file": ""}, 1),
    "ldap": ({"username": "u", "password_file": ""}, 1),
}


def test_no_call_is_left_out() -> None:
    calls = {name for name, _ in inspect.getmembers(VaultClient, inspect.iscoroutinefunction)}
    assert calls == {"log_in", *CALLS}
    assert set(AUTH_METHODS) == {*LOGINS, "gcp", "azure"}  # these: tests/vault/cloud


@pytest.mark.parametrize("name", CALLS)
async def test_every_call_names_the_namespace(name: str) -> None:
    with ScriptedServer(ANSWER) as server:
        await CALLS[name](make_client(server.address, namespace="team/a"))
    (request,) = server.requests
    assert request.headers["x-vault-namespace"] == "team/a"


@pytest.mark.parametrize("method", LOGINS)
async def test_every_request_of_a_login_names_the_namespace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key-of-nobody")
    file = tmp_path / "credential"
    file.write_text("e30.e30.e30")
    options, requests = LOGINS[method]
    given: dict[str, Any] = {key: value or file for key, value in options.items()}
    auth = AUTH_METHODS[method](**given)
    stored: list[Unwrapped] = []
    with ScriptedServer(ANSWER) as server:
        await make_client(server.address, auth, namespace="team/a").log_in(None, stored.append)
    assert len(server.requests) == requests
    assert {request.headers["x-vault-namespace"] for request in server.requests} == {"team/a"}
