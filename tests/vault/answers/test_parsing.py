from __future__ import annotations

import json
from math import inf
from typing import Any

import pytest
from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.grants import TokenKind
from freshkey.core.model.secret import Secret
from freshkey.vault.answers import parsing as answers
from freshkey.vault.answers.parsing import Answer
from freshkey.vault.transport.connection import Answered

MINTED = {
    "request_id": "r",
    "lease_id": "openai/creds/billing/x",
    "renewable": False,
    "lease_duration": 60,
    "data": {"api_key": "sk-1", "api_key_id": "key_1", "service_account": "vault-1", "empty": ""},
}
PATH = "openai/creds/billing"


def failing(body: dict[str, Any], field: str = "api_key") -> Fault:
    with pytest.raises(FaultError) as caught:
        answers.grant(Answer(body, 5.0), PATH, field)
    return caught.value.fault


def test_what_vault_answers_is_in_no_repr() -> None:
    answered = Answered(200, "application/json", "", "", json.dumps(MINTED).encode())
    assert "sk-1" not in repr(answered) + repr(Answer(MINTED, 5.0))


def test_a_grant() -> None:
    grant = answers.grant(Answer(MINTED, 5.0), PATH, "api_key")
    assert (grant.lease_id, grant.duration, grant.renewable) == (MINTED["lease_id"], 60.0, False)
    assert grant.secret == Secret("sk-1")
    assert (grant.api_key_id, grant.service_account, grant.request_id) == ("key_1", "vault-1", "r")
    assert grant.asked_at == 5.0


@pytest.mark.parametrize(
    ("data", "field", "problem"),
    [
        (MINTED["data"], "key", "the field key is missing"),
        (MINTED["data"], "empty", "the field empty is empty"),
        ({"api_key": {"a": 1}}, "api_key", "the field api_key is a map, and has to be text"),
        ({"api_key": ["sk-1"]}, "api_key", "the field api_key is a list, and has to be text"),
        ({"api_key": 1}, "api_key", "the field api_key is a number, and has to be text"),
        ({"api_key": 1.5}, "api_key", "the field api_key is a number, and has to be text"),
        ({"api_key": False}, "api_key", "the field api_key is a boolean, and has to be text"),
        ({"api_key": None}, "api_key", "the field api_key is null, and has to be text"),
        ({"api_key": " \n"}, "api_key", "the field api_key holds white space alone"),
        (
            {"api_key": "sk-1\nsk-1"},
            "api_key",
            "the field api_key has a line feed at character 5 of 9, and a key is one word of ASCII",
        ),
        (
            {"api_key": "sk-1\ud800"},
            "api_key",
            "the field api_key has a character that can't be seen (U+D800) at character 5 of 5",
        ),
        (None, "api_key", "the field api_key is missing; there are none"),
    ],
)
def test_a_grant_without_its_key_names_the_fields_and_the_lease(
    data: object, field: str, problem: str
) -> None:
    fault = failing(MINTED | {"data": data}, field)
    assert fault.kind is FaultKind.MALFORMED
    assert fault.message.startswith(f"{PATH}: {problem}")
    assert "sk-1" not in fault.message
    assert fault.orphan == ("openai/creds/billing/x", 60.0)
    assert not fault.unanswered


def test_the_fields_that_there_are_are_named() -> None:
    message = failing(MINTED, "key").message
    assert message.endswith("there are api_key; api_key_id; empty; service_account")


@pytest.mark.parametrize("text", ["sk-1\n", " sk-1", "\ufeffsk-1\r\n", "\xa0sk-1\u2028"])
@pytest.mark.parametrize("lease_id", [MINTED["lease_id"], ""])
def test_white_space_around_a_secret_is_taken_off(text: str, lease_id: str) -> None:
    answer = Answer(MINTED | {"data": {"api_key": text}, "lease_id": lease_id}, 5.0)
    assert answers.grant(answer, PATH, "api_key").secret == Secret("sk-1")
    assert answers.text_of(answer, "api_key") == text


def test_metadata_are_no_secret() -> None:
    data = {"current_version": 1, "versions": {"1": {}}, "max_versions": 0}
    message = failing(MINTED | {"data": data, "lease_id": ""}).message
    assert (
        message
        == f"{PATH}: this is the metadata of a secret: write data/ in the place of metadata/"
    )


KEPT = {"api_key": "sk-1", "data": "text"}
METADATA = {"version": 3, "deletion_time": "", "destroyed": False}


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (KEPT, "api_key"),
        (KEPT | {"metadata": "text"}, "api_key"),
        ({"data": KEPT, "metadata": METADATA}, "api_key"),
        ({"data": {"data": "sk-1"}, "metadata": METADATA}, "data"),
    ],
)
def test_a_secret_without_a_lease(data: dict[str, object], field: str) -> None:
    """KV version 1 has a hint for a duration, version 2 has its fields one level deeper."""
    body = MINTED | {"lease_id": "", "lease_duration": 2764800, "data": data}
    given = answers.grant(Answer(body, 5.0), PATH, field)
    assert (given.lease_id, given.duration, given.api_key_id) == ("", inf, None)
    assert given.secret == Secret("sk-1")


def test_a_secret_without_a_lease_that_lacks_the_field() -> None:
    fault = failing(MINTED | {"lease_id": "", "data": {"data": KEPT, "metadata": METADATA}}, "key")
    assert (fault.kind, fault.orphan) == (FaultKind.MALFORMED, None)
    assert fault.message == f"{PATH}: the field key is missing; there are api_key; data"


@pytest.mark.parametrize(
    "change",
    [
        {"lease_id": None},
        {"lease_duration": None},
        {"lease_duration": "60"},
        {"lease_duration": True},
        {"lease_duration": -1},
        {"lease_duration": 10**400},
        {"lease_duration": float("nan")},
    ],
)
def test_a_grant_that_vault_would_not_give_may_hide_a_lease(change: dict[str, object]) -> None:
    fault = failing(MINTED | change)
    assert fault.kind is FaultKind.MALFORMED
    assert fault.unanswered


def test_a_batch_token() -> None:
    auth = {"client_token": "hvb.x", "accessor": "", "lease_duration": 20, "token_type": "batch"}
    login = answers.new_token(Answer({"auth": auth}, 5.0))
    assert (login.kind, login.renewable, login.owned) == (TokenKind.BATCH, False, True)


@pytest.mark.parametrize(
    ("terms", "term"),
    [
        ({"ttl": 10, "creation_ttl": 60}, 60.0),
        ({"ttl": 10, "creation_ttl": 0, "period": 30}, 30.0),
        ({"ttl": 90, "creation_ttl": 60}, 90.0),  # somebody renewed it for longer
        ({"ttl": 10}, 10.0),
    ],
)
def test_a_token_that_was_given_is_worth_its_first_duration(
    terms: dict[str, int], term: float
) -> None:
    data = {"expire_time": "2026-11-24T12:00:00Z", "renewable": True, **terms}
    login = answers.known_token(Answer({"data": data}, 5.0), Secret("x"), owned=False)
    assert (login.duration, login.term) == (terms["ttl"], term)


def test_a_token_is_cleaned() -> None:
    answer = Answer({"auth": {"client_token": "hvs.x\n", "lease_duration": 60}}, 5.0)
    assert answers.new_token(answer).token == Secret("hvs.x")


def test_a_token_that_no_header_can_carry() -> None:
    auth = {"client_token": "hvs.x y", "lease_duration": 60}
    with pytest.raises(FaultError) as caught:
        answers.new_token(Answer({"auth": auth}, 5.0))
    fault = caught.value.fault
    assert fault.message == (
        "the token of this login has a space at character 6 of 7, which no header can carry"
    )


@pytest.mark.parametrize("auth", [None, {}, {"client_token": ""}, {"client_token": "x"}, []])
def test_a_login_without_a_token(auth: object) -> None:
    with pytest.raises(FaultError) as caught:
        answers.new_token(Answer({"auth": auth}, 5.0))
    assert caught.value.fault.kind is FaultKind.MALFORMED


def test_a_login_that_wants_a_second_factor() -> None:
    required = {"mfa_request_id": "d0c9eec7", "mfa_constraints": {"team": {"any": []}}}
    auth = {"client_token": "", "lease_duration": 0, "mfa_requirement": required}
    with pytest.raises(FaultError) as caught:
        answers.new_token(Answer({"auth": auth}, 5.0))
    assert caught.value.fault == Fault(
        FaultKind.BAD_REQUEST,
        "Vault wants a second factor for this login: exclude this user from login MFA, which "
        "nobody is there to answer",
    )


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {"ttl": "5"}}, {"data": [1]}])
def test_a_lookup_without_terms(body: dict[str, object]) -> None:
    for read in (answers.lease_lookup, answers.token_renewal, answers.lease_renewal):
        with pytest.raises(FaultError):
            read(Answer(body, 5.0))
    with pytest.raises(FaultError):
        answers.known_token(Answer(body, 5.0), Secret("x"), owned=True)
