"""The models answer as Vault, the engine, and the emulator of OpenAI do: each case asks both.

Compared are the status, the words of a refusal, and of anything else the names, the kinds of
values, and how long things last. What only time tells is asked of both, too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.simulation.contract_sides import TTL, Model, Real, Side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testbed.emulator.process import OpenAIServer
    from testbed.vault import VaultServer
    from tests.simulation.http import HttpAnswer

CREDS = "openai/creds/billing"
BRIEF = 3.0  # seconds that a token lives
SECONDS = {"lease_duration", "ttl", "creation_ttl"}
# Texts that are drawn: only that they are there is the same.
DRAWN = re.compile(r"simulated-\d+|\d{4}-\d\d-\d\dT[\d:.+Z-]*")


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


def said(value: object, name: str = "") -> object:
    """Return of an answer what both sides have to say alike."""
    match value:
        case dict():
            return {key: said(item, key) for key, item in value.items()}
        case list() if name == "errors":
            return [DRAWN.sub("openai", str(item)) for item in value]
        case int() if name in SECONDS and not isinstance(value, bool):
            return pytest.approx(value, abs=2)
        case bool() | None:
            return value
        case _:
            return type(value).__name__


def agrees(model: HttpAnswer, real: HttpAnswer) -> None:
    """Raise AssertionError unless all that the model says is what the real one says."""
    assert model.status == real.status, (model, real)
    assert real.retry_after or not model.retry_after
    assert (model.body is None) == (real.body is None)
    _covers(said(model.body or {}), said(real.body or {}))


def _covers(part: Any, whole: Any) -> None:  # noqa: ANN401 - JSON
    if not isinstance(part, dict):
        assert part == whole
        return
    for name, value in part.items():
        assert name in whole, name
        _covers(value, whole[name])


def both_answer_alike(
    case: Callable[[Side], Iterator[HttpAnswer]], side: Real, model: Model
) -> None:
    """Ask both, the real one first, which is closed then."""
    try:
        real = list(case(side))
    finally:
        side.close()
    for expected, found in zip(real, list(case(model)), strict=True):
        agrees(found, expected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_model_answers_as_the_real_one(
    case: Callable[[Side], Iterator[HttpAnswer]], vault: VaultServer, openai_server: OpenAIServer
) -> None:
    both_answer_alike(case, Real(vault, openai_server), Model())


def a_token_that_ends_takes_its_leases_along(side: Side) -> Iterator[HttpAnswer]:
    token = side.log_in()
    lease, key, _ = minted(side, token)
    yield side.models(key)
    side.wait(BRIEF + 2.0)
    yield side.models(key)
    yield side.ask("GET", "auth/token/lookup-self", token)
    yield side.ask("PUT", "sys/leases/lookup", side.log_in(), lease_id=lease)


def test_a_token_that_ends(vault: VaultServer, openai_server: OpenAIServer) -> None:
    side = Real(vault, openai_server, token_ttl=BRIEF)
    both_answer_alike(a_token_that_ends_takes_its_leases_along, side, Model(token_ttl=BRIEF))


def batch_tokens(side: Side) -> Iterator[HttpAnswer]:
    token = side.log_in()
    yield side.ask("GET", "auth/token/lookup-self", token)
    yield side.ask("GET", CREDS, token)
    yield side.ask("POST", "auth/token/renew-self", token)
    yield side.ask("POST", "auth/token/revoke-self", token)


def test_batch_tokens(vault: VaultServer, openai_server: OpenAIServer) -> None:
    both_answer_alike(batch_tokens, Real(vault, openai_server, batch=True), Model(batch=True))
