"""What test_contract.py asks of both sides, case by case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.contract_side import TTL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.contract_side import Side
    from tests.simulation.http import HttpAnswer

CREDS = "openai/creds/billing"
BRIEF = 3.0  # seconds that a token lives


def minted(side: Side, token: str, path: str = CREDS) -> tuple[str, str, HttpAnswer]:
    """Return the id of a new lease, its key, and the answer."""
    answer = side.ask("GET", path, token)
    body = answer.body or {}
    return body["lease_id"], body["data"]["api_key"], answer


def logins(side: Side) -> Iterator[HttpAnswer]:
    yield side.ask("POST", "auth/approle/login", role_id="x", secret_id="y")
    token = side.log_in()
    yield side.ask("GET", "auth/token/lookup-self", token)
    yield side.ask("POST", "auth/token/renew-self", token, increment=10)
    yield side.ask("POST", "auth/token/renew-self", token, increment=600)


def mints(side: Side) -> Iterator[HttpAnswer]:
    token = side.log_in()
    lease, key, answer = minted(side, token)
    yield answer
    yield side.models(key)
    yield side.ask("GET", CREDS, token, {"ttl": "10s"})
    yield side.ask("GET", CREDS, token, {"ttl": "9999s"})
    yield side.ask("PUT", "sys/leases/lookup", token, lease_id=lease)
    yield side.ask("PUT", "sys/leases/renew", token, lease_id=lease, increment=5)
    yield side.ask("GET", "openai/creds/nobody", token)


def renewals(side: Side) -> Iterator[HttpAnswer]:
    token = side.log_in()
    lease, _, answer = minted(side, token, "openai/creds/renewable")
    yield answer
    yield side.ask("PUT", "sys/leases/lookup", token, lease_id=lease)
    yield side.ask("PUT", "sys/leases/renew", token, lease_id=lease, increment=TTL)
    yield side.ask("PUT", "sys/leases/renew", token, lease_id=lease, increment=9999)
    yield side.ask("PUT", "sys/leases/lookup", token, lease_id=lease)
    yield side.ask("PUT", "sys/leases/renew", token, lease_id="openai/creds/renewable/x")


def identities(side: Side) -> Iterator[HttpAnswer]:
    token = side.log_in()
    yield side.ask("GET", "identity/oidc/token/billing", token)
    yield side.ask("GET", "identity/oidc/token/nobody", token)


def revocations(side: Side) -> Iterator[HttpAnswer]:
    token = side.log_in()
    lease, key, _ = minted(side, token)
    yield side.ask("PUT", f"sys/leases/revoke/{lease}", token, sync=False)
    side.wait(1.0)
    yield side.models(key)
    yield side.ask("PUT", "sys/leases/lookup", token, lease_id=lease)
    yield side.ask("PUT", f"sys/leases/revoke/{lease}", token, sync=False)


def a_token_takes_its_leases_along(side: Side) -> Iterator[HttpAnswer]:
    token, other = side.log_in(), side.log_in()
    lease, key, _ = minted(side, token)
    yield side.ask("POST", "auth/token/revoke-self", token)
    side.wait(1.0)
    yield side.models(key)
    yield side.ask("PUT", "sys/leases/lookup", other, lease_id=lease)
    yield side.ask("GET", "auth/token/lookup-self", token)
    yield side.ask("GET", CREDS, token)


def a_lease_ends_with_its_time(side: Side) -> Iterator[HttpAnswer]:
    token = side.log_in()
    answer = side.ask("GET", CREDS, token, {"ttl": "2s"})
    body = answer.body or {}
    yield side.models(body["data"]["api_key"])
    side.wait(4.0)
    yield side.models(body["data"]["api_key"])
    yield side.ask("PUT", "sys/leases/lookup", token, lease_id=body["lease_id"])


def a_deletion_that_openai_refuses(side: Side) -> Iterator[HttpAnswer]:
    token = side.log_in()
    lease, key, _ = minted(side, token)
    side.refuse_deletions()
    yield side.ask("PUT", f"sys/leases/revoke/{lease}", token, sync=False)
    side.wait(1.0)
    yield side.models(key)


def openai_at_its_limit(side: Side) -> Iterator[HttpAnswer]:
    side.trouble("rate_limited")
    yield side.ask("GET", CREDS, side.log_in())


def openai_failing(side: Side) -> Iterator[HttpAnswer]:
    side.trouble("server_error")
    yield side.ask("GET", CREDS, side.log_in())


def what_a_policy_forbids(side: Side) -> Iterator[HttpAnswer]:
    side.forbid()
    yield side.ask("GET", CREDS, side.log_in())


def a_secret_without_a_lease(side: Side) -> Iterator[HttpAnswer]:
    yield side.ask("GET", "kv/data/billing", side.log_in())


def models_that_fail(side: Side) -> Iterator[HttpAnswer]:
    _, key, _ = minted(side, side.log_in())
    for name in ("unavailable", "rate_limited", "missing_scopes"):
        side.trouble_models(name)
        yield side.models(key)


def exchanges(side: Side) -> Iterator[HttpAnswer]:
    for status in (200, 400, 401, 403, 429, 503):
        yield side.exchange(status)


def a_limit_of_vaults(side: Side) -> Iterator[HttpAnswer]:
    yield side.throttle(side.log_in())


def no_token(side: Side) -> Iterator[HttpAnswer]:
    yield side.ask("GET", CREDS, "hvs.nobody")
    yield side.ask("PUT", "sys/leases/lookup", "hvs.nobody", lease_id="x")
    yield side.models("sk-svcacct-nobody")


def health(side: Side) -> Iterator[HttpAnswer]:
    yield side.ask("GET", "sys/health")
    token = side.log_in()
    side.seal()
    yield side.ask("GET", "sys/health")
    yield side.ask("GET", CREDS, token)


def a_token_that_ends_takes_its_leases_along(side: Side) -> Iterator[HttpAnswer]:
    token = side.log_in()
    lease, key, _ = minted(side, token)
    yield side.models(key)
    side.wait(BRIEF + 2.0)
    yield side.models(key)
    yield side.ask("GET", "auth/token/lookup-self", token)
    yield side.ask("PUT", "sys/leases/lookup", side.log_in(), lease_id=lease)


def batch_tokens(side: Side) -> Iterator[HttpAnswer]:
    token = side.log_in()
    yield side.ask("GET", "auth/token/lookup-self", token)
    yield side.ask("GET", CREDS, token)
    yield side.ask("POST", "auth/token/renew-self", token)
    yield side.ask("POST", "auth/token/revoke-self", token)


CASES = (
    logins,
    mints,
    renewals,
    identities,
    revocations,
    a_token_takes_its_leases_along,
    a_lease_ends_with_its_time,
    a_deletion_that_openai_refuses,
    openai_at_its_limit,
    openai_failing,
    what_a_policy_forbids,
    a_secret_without_a_lease,
    models_that_fail,
    exchanges,
    a_limit_of_vaults,
    no_token,
    health,
)
