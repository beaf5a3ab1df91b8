"""What an answer says of a key."""

from __future__ import annotations

import json

import pytest
from freshkey.core.model.verdict import Verdict
from freshkey.openai.http import LARGEST_ANSWER
from freshkey.openai.probe import judge

SCOPES = "You have insufficient permissions for this operation. Missing scopes: api.model.read."


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, {"object": "list", "data": []}, Verdict.GOOD),
        (200, {"object": "list"}, Verdict.UNKNOWN),
        (200, [], Verdict.UNKNOWN),
        (200, None, Verdict.UNKNOWN),
        (204, {"object": "list", "data": []}, Verdict.UNKNOWN),
        (302, None, Verdict.UNKNOWN),
        (400, {"error": {"code": "invalid_api_key"}}, Verdict.UNKNOWN),
        (401, {"error": {"code": "invalid_api_key"}}, Verdict.REFUSED),
        (401, {"error": {"code": None}}, Verdict.UNKNOWN),
        (401, {"error": {"code": "ip_not_authorized"}}, Verdict.UNKNOWN),
        (401, {"error": "invalid_api_key"}, Verdict.UNKNOWN),
        (403, {"error": {"message": SCOPES, "code": None}}, Verdict.GOOD),
        (403, {"error": {"message": "no", "code": "missing_scope"}}, Verdict.GOOD),
        (403, {"error": SCOPES}, Verdict.GOOD),
        (403, {"error": "a bare string"}, Verdict.UNKNOWN),
        (403, {"error": {"code": "unsupported_country_region_territory"}}, Verdict.UNKNOWN),
        (429, {"error": {"code": "insufficient_quota"}}, Verdict.GOOD),
        (429, None, Verdict.GOOD),
        (500, {"error": {"code": "invalid_api_key"}}, Verdict.UNKNOWN),
        (503, None, Verdict.UNKNOWN),
    ],
)
def test_verdicts(status: int, body: object, verdict: Verdict) -> None:
    assert judge(status, json.dumps(body).encode()).verdict is verdict


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Log in to the Wi-Fi</html>",
        b"[" * 100_000,
        b'{"data": [], "x": "' + b"x" * LARGEST_ANSWER + b'"}',
        b"\xff",
    ],
)
def test_a_captive_portal(content: bytes) -> None:
    finding = judge(200, content)
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.detail == "200, but no list of models: is this OpenAI?"


@pytest.mark.parametrize(
    ("code", "detail"), [("server_error", "500 server_error"), ("a\nb", "500"), (7, "500")]
)
def test_only_a_plain_code_is_repeated(code: object, detail: str) -> None:
    assert judge(500, json.dumps({"error": {"code": code}}).encode()).detail == detail
