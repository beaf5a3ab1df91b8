from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest
from freshkey.core.model.secret import Secret
from freshkey.vault.login.claims import Claims, read_claims

from tests.logins.issuer import SUBJECT, Issuer

ISSUER = Issuer()


@pytest.mark.parametrize(
    ("payload", "claims"),
    [
        (
            {"exp": 100, "aud": ["a", "b"]},
            Claims("https://ci.example", SUBJECT, ("a", "b"), 100),
        ),
        ({"iss": None, "sub": 7, "aud": "a", "exp": "soon"}, Claims("", "", ("a",), None)),
        ({"iss": "i", "sub": "s", "aud": None, "exp": None}, Claims("i", "s", (), None)),
    ],
)
def test_claims_are_read_as_far_as_they_are_what_they_should_be(
    payload: dict[str, object], claims: Claims
) -> None:
    assert read_claims(Secret(ISSUER.token(**payload))) == claims


@pytest.mark.parametrize("end", ["NaN", "Infinity", "1e400", "9" * 400, "9" * 5000, "true", "-1"])
def test_an_end_that_is_no_time_is_left_out(end: str) -> None:
    payload = urlsafe_b64encode(f'{{"iss": "i", "exp": {end}}}'.encode()).decode().rstrip("=")
    claims = read_claims(Secret(f"e30.{payload}.x"))
    if claims is not None:  # Python reads no integer of 5000 digits
        assert claims.describe(100) == 'the token has issuer "i", subject "", audience none'


@pytest.mark.parametrize(
    ("claims", "description"),
    [
        (
            Claims("i", "s", ("a", "b"), 160.4),
            'issuer "i", subject "s", audience "a", "b", ends in 60 s',
        ),
        (Claims("i", "s", (), 40), 'issuer "i", subject "s", audience none, ended 60 s ago'),
        (Claims("i\n", "hvs.secret", ("a",)), 'issuer "i ", subject "***", audience "a"'),
    ],
)
def test_a_description_is_one_line_without_secrets(claims: Claims, description: str) -> None:
    assert claims.describe(100) == f"the token has {description}"
