"""The table of FACTS, and what else was seen between an agent and its Vault."""

from __future__ import annotations

import pytest
from freshkey.core.model.faults import FaultKind, Operation
from freshkey.core.model.secret import Secret
from freshkey.logs.redact import Redactor
from freshkey.vault.answers.faults import Refusal, Request, fault_of, health_fault, leader_fault

MINT = Request(Operation.MINT, "openai/creds/billing")
LOGIN = Request(Operation.LOG_IN, "auth/approle/login")
RENEW = Request(Operation.RENEW_LEASE, "sys/leases/renew")
RENEW_TOKEN = Request(Operation.RENEW_TOKEN, "auth/token/renew-self")
REVOKE = Request(Operation.REVOKE_LEASE, "sys/leases/revoke/openai/creds/billing/fWPCZ")
NO_JSON = None

DENIED = "1 error occurred:\n\t* permission denied\n\n"
INVALID = "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"
LIMITED = (
    "1 error occurred:\n\t* error creating service account: API error (429): requests - You're "
    "making too many requests, please slow down. (code: rate_limit_exceeded)\n\n"
)
OTHER_CERTIFICATE = (
    "failed to renew entry: client identity during renewal not matching client identity used "
    "during login"
)
GO_TIMEOUT = (
    'error making request: Post "https://api.openai.com/v1/x": context deadline exceeded '
    "(Client.Timeout exceeded while awaiting headers)"
)


@pytest.mark.parametrize(
    ("request_", "status", "error", "kind"),
    [
        (MINT, 400, 'role "nope" does not exist', FaultKind.NOT_FOUND),
        (MINT, 400, "ttl is no duration", FaultKind.BAD_REQUEST),
        (MINT, 403, INVALID, FaultKind.TOKEN_INVALID),
        (MINT, 403, "bad token", FaultKind.TOKEN_INVALID),
        (MINT, 403, DENIED, FaultKind.FORBIDDEN),
        (LOGIN, 403, "permission denied", FaultKind.FORBIDDEN),
        (LOGIN, 400, "invalid role or secret ID", FaultKind.BAD_REQUEST),
        (MINT, 404, 'no handler for route "nowhere"', FaultKind.NOT_FOUND),
        (MINT, 405, "unsupported operation", FaultKind.BAD_REQUEST),
        (RENEW, 400, "lease is not renewable", FaultKind.BAD_REQUEST),
        (MINT, 412, "required index state not present", FaultKind.UNREACHABLE),
        (MINT, 429, "request path: rate limit quota exceeded", FaultKind.THROTTLED),
        (MINT, 500, LIMITED, FaultKind.UPSTREAM),
        (RENEW, 500, LIMITED, FaultKind.UPSTREAM),
        (REVOKE, 400, "API error (404) from OpenAI", FaultKind.UPSTREAM),
        (MINT, 500, GO_TIMEOUT, FaultKind.UPSTREAM),
        (MINT, 500, "internal error", FaultKind.UPSTREAM),
        (RENEW, 500, "internal error", FaultKind.UNREACHABLE),
        (RENEW_TOKEN, 500, "internal error", FaultKind.UNREACHABLE),
        (RENEW_TOKEN, 500, OTHER_CERTIFICATE, FaultKind.BAD_REQUEST),
        (LOGIN, 500, "internal error", FaultKind.UPSTREAM),
        (LOGIN, 400, GO_TIMEOUT, FaultKind.UPSTREAM),
        (LOGIN, 500, "local node not active", FaultKind.UNREACHABLE),
        (
            MINT,
            500,
            "local node not active but active cluster node not found",
            FaultKind.UNREACHABLE,
        ),
        (MINT, 502, "bad gateway", FaultKind.UNREACHABLE),
        (MINT, 503, "Vault is sealed", FaultKind.SEALED),
        (MINT, 503, "standby node cannot forward", FaultKind.UNREACHABLE),
    ],
)
def test_kinds(request_: Request, status: int, error: str, kind: FaultKind) -> None:
    fault = fault_of(request_, Refusal(status, (error,)))
    assert fault.kind is kind
    assert "\n" not in fault.message


@pytest.mark.parametrize(
    ("request_", "status", "error", "kind"),
    [
        (MINT, 403, INVALID, FaultKind.TOKEN_INVALID),
        (MINT, 503, "Vault is sealed", FaultKind.SEALED),
        (MINT, 400, 'role "nope" does not exist', FaultKind.NOT_FOUND),
        (MINT, 500, LIMITED, FaultKind.UPSTREAM),
        (MINT, 500, f"{'x' * 400} local node not active", FaultKind.UNREACHABLE),
        (RENEW, 500, f"{'x' * 400} API error (429) from OpenAI", FaultKind.UPSTREAM),
    ],
)
def test_what_is_masked_or_cut_in_the_message_still_tells_the_kind(
    request_: Request, status: int, error: str, kind: FaultKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    redactor = Redactor()
    for word in ("invalid", "sealed", "does not", "API error"):
        redactor.add_secret(Secret(word))
    monkeypatch.setattr("freshkey.vault.answers.quoting.redact_text", redactor.text)
    fault = fault_of(request_, Refusal(status, (error,)))
    assert fault.kind is kind
    assert "***" in fault.message or "…" in fault.message


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, FaultKind.MALFORMED),
        (302, FaultKind.MALFORMED),
        (403, FaultKind.MALFORMED),
        (404, FaultKind.MALFORMED),
        (429, FaultKind.THROTTLED),
        (500, FaultKind.MALFORMED),
        (502, FaultKind.UNREACHABLE),
        (503, FaultKind.UNREACHABLE),
        (504, FaultKind.UNREACHABLE),
    ],
)
def test_kinds_of_what_is_not_vault(status: int, kind: FaultKind) -> None:
    fault = fault_of(MINT, Refusal(status, NO_JSON, "text/html"))
    assert fault.kind is kind
    assert fault.unanswered is (kind is not FaultKind.THROTTLED)


def test_a_login_that_vault_can_not_check_is_not_laid_to_openai() -> None:
    fault = fault_of(LOGIN, Refusal(400, (GO_TIMEOUT,)))
    assert "Vault can't reach what tells it who logs in at auth/approle/login" in fault.message


def test_what_is_not_vault_is_described() -> None:
    fault = fault_of(MINT, Refusal(200, NO_JSON, "text/html; charset=utf-8"))
    assert fault.message == (
        "the address answers, but not as Vault does: status 200, text/html; charset=utf-8, to "
        "openai/creds/billing; check vault.address"
    )


@pytest.mark.parametrize(
    ("status", "error", "unanswered"),
    [
        (400, "x", False),
        (403, DENIED, False),
        (500, LIMITED, False),
        (500, GO_TIMEOUT, False),  # Vault has told that there is no lease
        (500, "local node not active", False),
        (500, "context canceled", True),
        (500, "1 error occurred:\n\t* context deadline exceeded\n\n", True),
        (502, "x", True),
        (503, "Vault is sealed", False),
        (504, "x", True),
    ],
)
def test_unanswered_when_a_lease_may_exist(status: int, error: str, *, unanswered: bool) -> None:
    assert fault_of(MINT, Refusal(status, (error,))).unanswered is unanswered


ELSEWHERE = ", unless the token is bound to other networks (token_bound_cidrs of its role)"


@pytest.mark.parametrize(
    ("operation", "path", "capability"),
    [
        (
            Operation.MINT,
            "openai/creds/billing",
            "`read` on openai/creds/billing, if that path is right",
        ),
        (Operation.RENEW_LEASE, "sys/leases/renew", "`update` on sys/leases/renew"),
        (Operation.LOOK_UP_LEASE, "sys/leases/lookup", "`update` on sys/leases/lookup"),
        (
            Operation.REVOKE_LEASE,
            "sys/leases/revoke/openai/creds/billing/fWPCZ",
            "`update` on sys/leases/revoke/openai/creds/billing/*",
        ),
        (
            Operation.RENEW_TOKEN,
            "auth/token/renew-self",
            f"`update` on auth/token/renew-self{ELSEWHERE}",
        ),
        (
            Operation.LOOK_UP_TOKEN,
            "auth/token/lookup-self",
            f"`read` on auth/token/lookup-self{ELSEWHERE}",
        ),
    ],
)
def test_forbidden_names_the_missing_capability(
    operation: Operation, path: str, capability: str
) -> None:
    fault = fault_of(Request(operation, path), Refusal(403, (DENIED,)))
    assert fault.message == (
        f"Vault forbids it (permission denied): the policy has to give {capability}"
    )


def test_upstream_quotes_openai_without_its_secrets() -> None:
    error = "API error (401): invalid_request_error - Incorrect API key provided: sk-adm***1234."
    fault = fault_of(MINT, Refusal(500, (error,)))
    assert fault.upstream_status == 401
    assert "Incorrect API key provided: ***." in fault.message
    assert "openai/creds/billing" in fault.message


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("99999999", 3600.0),
        ("9" * 400, 3600.0),  # more than a float holds
        ("", None),
        ("Fri, 31 Dec 1999 23:59:59 GMT", None),
    ],
)
def test_retry_after(header: str, seconds: float | None) -> None:
    refusal = Refusal(429, ("slow down",), retry_after=header)
    assert fault_of(MINT, refusal).retry_after == seconds


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"initialized": True, "sealed": False}, None),
        (429, {"initialized": True, "sealed": False}, None),
        (472, {"initialized": True, "sealed": False}, None),
        (473, {"initialized": True, "sealed": False}, None),
        (404, None, None),
        (501, {"initialized": False, "sealed": True}, FaultKind.SEALED),
        (503, {"initialized": True, "sealed": True}, FaultKind.SEALED),
        (501, None, FaultKind.UNREACHABLE),
        (502, None, FaultKind.UNREACHABLE),
        (503, None, FaultKind.UNREACHABLE),
        (504, None, FaultKind.UNREACHABLE),
    ],
)
def test_health(status: int, body: dict[str, object] | None, kind: FaultKind | None) -> None:
    fault = health_fault(status, body)
    assert (fault and fault.kind) is kind


@pytest.mark.parametrize(
    ("body", "away"),
    [
        ({"ha_enabled": True, "leader_address": ""}, True),
        ({"ha_enabled": True, "leader_address": "https://vault-2:8200"}, False),
        ({"ha_enabled": False}, False),
        (None, False),
    ],
)
def test_a_standby_without_a_leader(body: dict[str, object] | None, *, away: bool) -> None:
    fault = leader_fault(body)
    assert (fault is not None and fault.kind is FaultKind.UNREACHABLE) == away
