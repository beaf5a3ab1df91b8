"""Behaviour 5: what becomes of each entry of a journal at a start."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.core.keys.adoption import DesiredState, adopt
from freshkey.core.model.actions import Level
from freshkey.core.model.ledger import Source
from freshkey.core.model.policy import Subject
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import (
    Credential,
    Idle,
    KeyState,
    Reason,
    Retired,
    Wanted,
    Watch,
)
from freshkey.core.model.state import Testing as BeingTested
from freshkey.core.model.struct import replace

from tests.core.ledgers import entry, lease, ledger
from tests.core.scripts import ORIGIN, desired_state, policy

if TYPE_CHECKING:
    from freshkey.core.keys.adoption import Adopted
    from freshkey.core.model.ledger import KeyEntry

NOW = 1000.0
ENGINE = desired_state(policy(probe_every=300))
FEDERATION = desired_state(policy(subject=Subject.FILE))
OTHER_LOGIN, ELSEWHERE = replace(ORIGIN, role="other"), replace(ORIGIN, address="https://other")


def journaled(wanted: DesiredState = ENGINE, **changed: Any) -> KeyEntry:  # noqa: ANN401 - KeyEntry's
    """An entry of the source that is desired, with no successor under test."""
    fields = {"source": wanted.sources["billing"], "candidate": None, **changed}
    return replace(entry(NOW - 100), **fields)


def exchanged(secret: str) -> Credential:
    """An access token of OpenAI's."""
    return Credential(replace(lease(NOW), token=0, gone_at=inf, id=secret), Secret(secret))


def adopted(one: KeyEntry, wanted: DesiredState = ENGINE, **changed: Any) -> Adopted:  # noqa: ANN401 - Ledger's
    return adopt(replace(ledger(NOW - 100), keys=(one,), **changed), wanted, NOW)


def key_of(one: KeyEntry, wanted: DesiredState = ENGINE) -> KeyState:
    (key,) = adopted(one, wanted).state.keys
    return key


def test_an_entry_goes_on_as_it_was_and_is_looked_into() -> None:
    before = journaled(
        withdrawn=True, compromised=True, barred="0123abcd", unannounced=True, reason=Reason.TOKEN
    )
    assert key_of(before) == KeyState(
        "billing",
        generation=3,
        published_at=before.published_at,
        current=before.current,
        withdrawn=True,
        compromised=True,
        barred="0123abcd",
        confirmed=False,
        reason=Reason.TOKEN,
        announced=2,
        cycle=Idle(),
        retired=before.retired,
        watch=Watch(check_at=NOW, probe_at=NOW, claim_minted_at=before.claim_minted_at),
    )


def test_a_key_that_is_never_probed_is_not_probed_at_the_start() -> None:
    wanted = desired_state(policy(probe_every=0))
    assert key_of(journaled(wanted), wanted).watch.probe_at == inf


def test_an_access_token_needs_no_word_of_vault() -> None:
    key = key_of(journaled(FEDERATION, current=exchanged("oaiat-1")), FEDERATION)
    assert (key.confirmed, key.watch.check_at) == (True, inf)


def test_an_access_token_is_the_same_key_under_another_login() -> None:
    before = journaled(FEDERATION, current=exchanged("oaiat-1"))
    key = key_of(before, replace(FEDERATION, origin=OTHER_LOGIN))
    assert (key.cycle, key.outdated) == (Idle(), False)


def test_a_lease_is_another_key_under_another_login() -> None:
    key = key_of(journaled(), replace(ENGINE, origin=OTHER_LOGIN))
    assert (key.cycle, key.outdated) == (Wanted(Reason.CHANGED), True)


@pytest.mark.parametrize("published", [True, False])
def test_an_entry_of_another_source_is_replaced(*, published: bool) -> None:
    before = replace(entry(NOW - 100), source=Source("other", "api_key"))
    before = before if published else replace(before, current=None)
    assert before.candidate is not None
    key = key_of(before)
    assert (key.cycle, key.outdated) == (Wanted(Reason.CHANGED), published)
    assert key.retired == (*before.retired, Retired(before.candidate.lease, inf))


@pytest.mark.parametrize("changed", [{"outdated": True}, {"requested": True}, {"current": None}])
def test_what_was_to_be_replaced_still_is(changed: dict[str, Any]) -> None:
    key = key_of(journaled(**changed))
    assert key.cycle == Wanted(Reason.DUE)
    assert key.outdated is changed.get("outdated", False)


def test_a_key_under_test_is_tested_while_its_lease_lives() -> None:
    before = journaled(candidate=entry(NOW - 100).candidate)
    assert before.candidate is not None
    tested = BeingTested(Reason.DUE, before.candidate, since=NOW, retry_at=NOW)
    assert key_of(before).cycle == tested
    ended = replace(before.candidate, lease=replace(before.candidate.lease, expires_at=NOW - 1))
    key = key_of(replace(before, candidate=ended))
    assert key.cycle == Idle()
    assert key.retired == (*before.retired, Retired(ended.lease, NOW))


def test_a_key_that_is_not_configured_any_more_is_only_revoked() -> None:
    """Not even its source is known, if a start before has removed it already."""
    before = journaled(name="removed", source=None, current=None)
    key = next(key for key in adopted(before).state.keys if key.name == "removed")
    assert (key.removed, key.current, key.cycle) == (True, None, Idle())
    assert key.retired[0] == before.retired[0]


@pytest.mark.parametrize("rebooted", [True, False])
def test_the_terms_of_a_token_are_doubtful_after_a_reboot_alone(*, rebooted: bool) -> None:
    state = adopt(ledger(NOW - 100), ENGINE, NOW, rebooted=rebooted).state
    assert state.tokens.recheck is rebooted
    assert not adopt(ledger(NOW - 100), ENGINE, NOW).state.tokens.recheck


def test_a_journal_without_a_token() -> None:
    tokens = adopted(journaled(), token=None).state.tokens
    assert tokens.current is None
    assert len(tokens.retired) == 1


def test_mints_without_an_answer_are_counted_on() -> None:
    assert adopted(journaled()).state.abandoned == 4
    assert adopted(journaled(intent=2)).state.abandoned == 5


def test_an_access_token_under_test_goes_on_with_another_cluster() -> None:
    before = journaled(FEDERATION, current=None, candidate=exchanged("oaiat-2"))
    after = adopted(before, replace(FEDERATION, origin=ELSEWHERE))
    (key,) = after.state.keys
    assert isinstance(key.cycle, BeingTested)
    told = {dict(record.fields)["lease_id"] for record in after.records}
    assert told == {"openai/creds/billing/1"}, "only what Vault gave is left"


def test_access_tokens_that_are_still_used_are_not_told_of() -> None:
    held = {"current": exchanged("oaiat-1"), "candidate": exchanged("oaiat-2")}
    assert adopted(journaled(FEDERATION, **held), FEDERATION).records == ()


def test_access_tokens_of_a_removed_key_are_told_to_live_on() -> None:
    held = {"current": exchanged("oaiat-1"), "candidate": exchanged("oaiat-2")}
    records = adopted(journaled(FEDERATION, name="removed", **held), FEDERATION).records
    told = [(one.event, one.level) for one in records]
    assert told == [("key.withdrawn", Level.INFO), *[("lease.left", Level.WARNING)] * 2]
