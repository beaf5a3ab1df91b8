"""What leases, tokens, and policies say of themselves."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from freshkey.core.model.grants import TokenKind
from freshkey.core.model.policy import Subject
from freshkey.core.model.state import NO_TOKEN
from freshkey.core.model.struct import replace

from tests.core.contexts import NOW, token
from tests.core.keys.held import lease
from tests.core.scripts import policy


@pytest.mark.parametrize(
    ("number", "ends", "kinds"),
    [
        pytest.param(1, NOW, (True, False, False), id="Vault's"),
        pytest.param(1, inf, (True, False, False), id="Vault's, without an end"),
        pytest.param(NO_TOKEN, inf, (False, True, False), id="a secret without a lease"),
        pytest.param(NO_TOKEN, NOW, (False, False, True), id="an access token"),
    ],
)
def test_the_kinds_of_lease(number: int, ends: float, kinds: tuple[bool, bool, bool]) -> None:
    held = lease(token=number, expires_at=ends)
    assert (held.is_of_vault, held.static, held.exchanged) == kinds
    assert held.vault_id == (held.id if held.is_of_vault else None)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"owned": False}, False),
        ({"kind": TokenKind.BATCH}, False),
        ({"lost_at": NOW}, False),
    ],
)
def test_which_tokens_the_agent_may_revoke(changes: dict[str, Any], *, expected: bool) -> None:
    assert replace(token(), **changes).revocable is expected


def test_when_a_token_ends() -> None:
    assert token().good_until == NOW + 40
    assert token(lost_at=NOW).good_until == NOW
    assert token(lost_at=NOW + 60).good_until == NOW + 40
    assert token().last_end == NOW + 140, "the answer to a last renewal may have been lost"
    assert replace(token(), renewable=False).last_end == NOW + 40
    late = token(taken_at=NOW + 1000)
    assert late.last_end == NOW + 1200, "its login was sent long before Vault had it"
    assert replace(late, renewable=False).last_end == NOW + 1100
    assert replace(token(taken_at=NOW), term=inf, expires_at=inf).last_end == inf


def test_only_access_tokens_for_a_file_need_no_vault() -> None:
    assert policy("a").uses_vault
    assert policy("a", subject=Subject.VAULT).uses_vault
    assert not policy("a", "b", subject=Subject.FILE).uses_vault
    mixed = policy("a", "b", subject=Subject.FILE)
    mixed = replace(mixed, keys={**mixed.keys, **policy("c").keys})
    assert mixed.uses_vault
