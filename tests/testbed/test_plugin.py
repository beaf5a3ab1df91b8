"""What the public OpenAI engine does and Freshkey builds on; against the real Vault.

The same tests run with the public engine's binary: OPENAI_PLUGIN_BIN=… make test.
"""

import time
from collections.abc import Callable
from typing import Literal, NamedTuple

import pytest

from testbed.emulator.errors import ErrorName
from testbed.toxiproxy import ToxiproxyServer
from testbed.vault import VaultServer
from testbed.vault_api import VaultError
from tests.testbed.engine import Engine, stand_in_only
from tests.testbed.upstream import Upstream


@pytest.fixture
def role(vault: VaultServer, engine: Engine) -> str:
    vault.write_role(engine.mount, "billing", project_id=engine.project_id, ttl=60, max_ttl=600)
    return f"{engine.mount}/creds/billing"


def leases(vault: VaultServer, path: str) -> list[str]:
    try:
        keys: list[str] = vault.request("LIST", f"sys/leases/lookup/{path}")["data"]["keys"]
    except VaultError as error:
        if error.status != 404:
            raise
        return []
    return keys


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_reading_creds_mints(vault: VaultServer, engine: Engine, role: str) -> None:
    answer = vault.request("GET", role)
    assert answer["lease_id"].startswith(f"{role}/")
    assert answer["lease_duration"] == 60
    assert answer["renewable"] is False
    assert answer["warnings"] is None
    (live,) = (
        key for key in engine.openai.state()["live"] if key["project_id"] == engine.project_id
    )
    assert answer["data"] == {
        "api_key": answer["data"]["api_key"],
        "api_key_id": live["key_id"],
        "service_account": live["account_name"],
        "service_account_id": live["account_id"],
    }
    assert answer["data"]["api_key"].startswith("sk-svcacct-")
    assert answer["data"]["service_account"].startswith("vault-billing-")
    vault.request("GET", role)
    assert engine.counts()["mints"] == 2


@pytest.mark.parametrize(
    ("asked", "granted"), [("10s", 10), ("599", 599), ("600", 60), ("2h", 60), ("0", 60)]
)
def test_ttl_of_max_ttl_or_more_is_ignored(
    vault: VaultServer, role: str, asked: str, granted: int
) -> None:
    answer = vault.request("GET", role, query={"ttl": asked})
    assert answer["lease_duration"] == granted
    assert answer["warnings"] is None


def test_unknown_role(vault: VaultServer, engine: Engine) -> None:
    with pytest.raises(VaultError) as caught:
        vault.request("GET", f"{engine.mount}/creds/nope")
    assert caught.value.status == 400
    assert caught.value.errors == ['role "nope" does not exist']


def test_lease_cannot_be_renewed(vault: VaultServer, role: str) -> None:
    lease_id = vault.request("GET", role)["lease_id"]
    with pytest.raises(VaultError, match="lease is not renewable") as caught:
        vault.request("PUT", "sys/leases/renew", {"lease_id": lease_id})
    assert caught.value.status == 400


@stand_in_only
def test_renewable_role(vault: VaultServer, engine: Engine) -> None:
    settings = {"ttl": 60, "max_ttl": 90, "renewable": True}
    vault.write_role(engine.mount, "long", project_id=engine.project_id, **settings)
    answer = vault.request("GET", f"{engine.mount}/creds/long", query={"ttl": "30"})
    assert answer["renewable"] is True
    renew = {"lease_id": answer["lease_id"]}
    assert vault.request("PUT", "sys/leases/renew", renew)["lease_duration"] == 60
    assert vault.request("PUT", "sys/leases/renew", renew | {"increment": 20})[
        "lease_duration"
    ] in range(20, 22)
    capped = vault.request("PUT", "sys/leases/renew", renew | {"increment": 3600})
    assert 60 < capped["lease_duration"] <= 90
    assert engine.counts()["mints"] == 1
    vault.request("PUT", "sys/leases/revoke", renew)
    assert engine.counts()["live"] == 0


def test_calls_and_headers(vault: VaultServer, upstream: Upstream) -> None:
    vault.write_role("recorded", "r", project_id="proj_1")
    lease_id = vault.request("GET", "recorded/creds/r")["lease_id"]
    vault.request("PUT", "sys/leases/revoke", {"lease_id": lease_id})
    asked, checked, made, deleted = upstream.requests
    assert asked.line == checked.line == "GET projects/proj_1"
    assert made.line == "POST projects/proj_1/service_accounts"
    assert isinstance(made.body, dict)
    assert made.body.keys() == {"name"}
    assert deleted.line == "DELETE projects/proj_1/service_accounts/svc_1"
    expected = {
        "Authorization": "Bearer sk-admin-old",
        "Content-Type": "application/json",
        "Openai-Beta": "project-service-accounts=v1",
        "Openai-Organization": "org-emulator",
    }
    for request in upstream.requests:
        assert expected.items() <= request.headers.items()


class Refusal(NamedTuple):
    error: ErrorName
    status: str
    pattern: str


@pytest.mark.parametrize("endpoint", ["project.get", "service_account.create"])
@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(
            "rate_limited",
            "429",
            r"API error \(429\): requests - You're making too many requests, please slow down\."
            r" \(code: rate_limit_exceeded\)",
        ),
        Refusal(
            "server_error", "500", r"API error \(500\): server_error - The server had an error"
        ),
        Refusal("bare_string", "403", r"API error \(403\)( from OpenAI|: \{)"),  # : in v0.0.8
    ],
)
def test_upstream_error_is_a_500_and_not_retried(
    vault: VaultServer,
    engine: Engine,
    role: str,
    endpoint: Literal["project.get", "service_account.create"],
    refusal: Refusal,
) -> None:
    engine.openai.configure(errors={endpoint: refusal.error})
    with pytest.raises(VaultError, match=refusal.pattern) as caught:
        vault.request("GET", role)
    assert caught.value.status == 500
    assert engine.answers(endpoint)[refusal.status] == 1
    assert engine.counts()["mints"] == 0


def test_revoking_deletes_the_account(vault: VaultServer, engine: Engine, role: str) -> None:
    lease_id = vault.request("GET", role)["lease_id"]
    vault.request("PUT", "sys/leases/revoke", {"lease_id": lease_id, "sync": True})
    assert engine.counts()["live"] == 0


def test_refused_revocation_that_vault_was_waited_for_is_dropped(
    vault: VaultServer, engine: Engine, role: str
) -> None:
    lease_id = vault.request("GET", role)["lease_id"]
    engine.openai.configure(errors={"service_account.delete": "rate_limited"})
    with pytest.raises(VaultError) as caught:
        vault.request("PUT", "sys/leases/revoke", {"lease_id": lease_id, "sync": True})
    assert caught.value.status == 400
    lookup = vault.request("PUT", "sys/leases/lookup", {"lease_id": lease_id})
    assert lookup["data"]["ttl"] > 50


def test_refused_revocation_that_was_not_waited_for_is_vaults(
    vault: VaultServer, engine: Engine, role: str
) -> None:
    lease_id = vault.request("GET", role)["lease_id"]
    engine.openai.configure(errors={"service_account.delete": "rate_limited"})
    vault.request("PUT", "sys/leases/revoke", {"lease_id": lease_id, "sync": False})
    lookup = vault.request("PUT", "sys/leases/lookup", {"lease_id": lease_id})
    assert lookup["data"]["ttl"] == 0


def test_account_that_is_gone_fails_its_revocation(
    vault: VaultServer, engine: Engine, role: str
) -> None:
    answer = vault.request("GET", role)
    engine.openai.delete_account(answer["data"]["service_account_id"])
    with pytest.raises(VaultError, match=r"API error \(404\)"):
        vault.request("PUT", "sys/leases/revoke", {"lease_id": answer["lease_id"]})


def test_client_that_hangs_up_leaves_an_account_without_a_lease(
    vault: VaultServer, upstream: Upstream
) -> None:
    vault.write_role("recorded", "r", project_id="proj_1")
    upstream.answers_mints = False
    token = vault.request("POST", "auth/token/create", {})["auth"]["client_token"]
    with pytest.raises(TimeoutError):
        vault.request("GET", "recorded/creds/r", token=token, timeout=2)
    assert upstream.minted.get(timeout=10) == "svc_1"
    assert upstream.hung_up.wait(10), "Vault kept the request of a client that had hung up"
    assert leases(vault, "recorded/creds/r") == []
    vault.request("POST", "auth/token/revoke-self", token=token)
    assert not [request for request in upstream.requests if request.line.startswith("DELETE")]


def test_lost_answer_leaves_a_lease_that_dies_with_its_token(
    vault: VaultServer, toxiproxy: ToxiproxyServer, engine: Engine, role: str
) -> None:
    proxy = toxiproxy.proxy(engine.mount, vault.address.removeprefix("http://"))
    near = vault.through(proxy.listen)
    token = vault.request("POST", "auth/token/create", {})["auth"]["client_token"]
    with proxy.toxic("limit_data", bytes=1), pytest.raises(ConnectionError):
        near.request("GET", role, token=token)
    proxy.remove()
    assert engine.counts()["live"] == len(leases(vault, role)) == 1
    vault.request("POST", "auth/token/revoke-self", token=token)
    until(lambda: engine.counts()["live"] == 0)  # Vault does it a moment later
