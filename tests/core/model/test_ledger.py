"""What of the state stands in the journal, and which entries belong to a configuration."""

from __future__ import annotations

from typing import Any

import pytest
from freshkey.core.model.grants import Unwrapped
from freshkey.core.model.ledger import (
    Entries,
    Federation,
    KeyEntry,
    Ledger,
    Origin,
    Source,
    to_ledger,
)
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import (
    AgentState,
    BackingOff,
    Credential,
    Cycle,
    Exchanging,
    Idle,
    KeyState,
    Minting,
    Reason,
    Refreshing,
    Retired,
    Wanted,
    Watch,
)
from freshkey.core.model.state import Testing as BeingTested
from freshkey.core.model.struct import replace
from freshkey.core.model.token import Tokens

from tests.core.contexts import NOW, token
from tests.core.keys.held import lease, published
from tests.core.scripts import LIMITED, ORIGIN

SOURCE = Source("openai/creds/billing", "api_key", 600.0, 300.0, ("/run/billing",))
FEDERATION = Federation("idp_1", "svc_acct_1", "vault", "https://auth")
CANDIDATE = Credential(lease(4), Secret("sk-4"))


def test_the_whole_state() -> None:
    unwrapped = Unwrapped("0123abcd", Secret("secret-id"))
    tokens = Tokens(token(3), (token(1), token(2)), count=3, unwrapped=unwrapped)
    held = published()
    state = AgentState((held, KeyState("other")), tokens, mints=(NOW - 5, NOW), abandoned=2)
    ledger = to_ledger(state, ORIGIN, {"billing": SOURCE})
    assert [(key.name, key.source) for key in ledger.keys] == [
        ("billing", SOURCE),
        ("other", None),
    ]
    assert replace(ledger, keys=()) == Ledger(
        origin=ORIGIN,
        token=token(3),
        retired_tokens=(token(1), token(2)),
        token_count=3,
        unwrapped=unwrapped,
        mints=(NOW - 5, NOW),
        keys=(),
        abandoned=2,
    )


def test_a_key() -> None:
    retired = (Retired(lease(2), NOW + 9),)
    key = published(
        reason=Reason.TOKEN,
        retired=retired,
        withdrawn=True,
        compromised=True,
        outdated=True,
        barred="0f2c10bf",
        announced=2,
        published_at=NOW - 60,
        watch=Watch(claim_minted_at=NOW - 9),
    )
    (entry,) = to_ledger(AgentState((key,)), ORIGIN, {"billing": SOURCE}).keys
    assert entry == KeyEntry(
        name="billing",
        source=SOURCE,
        generation=3,
        reason=Reason.TOKEN,
        current=key.current,
        candidate=None,
        candidate_reason=Reason.TOKEN,
        intent=None,
        retired=retired,
        withdrawn=True,
        requested=False,
        compromised=True,
        claim_minted_at=NOW - 9,
        published_at=NOW - 60,
        outdated=True,
        barred="0f2c10bf",
        unannounced=True,
    )
    (entry,) = to_ledger(AgentState((published(),)), ORIGIN, {}).keys
    assert not entry.unannounced


def test_an_entry_of_a_key_that_did_not_change_is_made_once() -> None:
    state, entries = AgentState((published(),)), Entries()
    first = to_ledger(state, ORIGIN, {"billing": SOURCE}, entries)
    again = to_ledger(state, ORIGIN, {"billing": SOURCE}, entries)
    assert again.keys[0] is first.keys[0]


@pytest.mark.parametrize("reason", [Reason.DUE, Reason.REQUESTED])
@pytest.mark.parametrize(
    ("cycle", "candidate", "intent"),
    [
        (Wanted, None, None),
        (lambda why: Minting(why, 7, NOW), None, 7),
        (Refreshing, None, None),
        (Exchanging, None, None),
        (lambda why: BeingTested(why, CANDIDATE, NOW, NOW), CANDIDATE, None),
        (lambda why: BackingOff(why, NOW, NOW + 9, LIMITED), None, None),
    ],
)
def test_a_replacement_that_is_under_way(
    cycle: Any,  # noqa: ANN401 - makes a Cycle for a reason
    candidate: Credential | None,
    intent: int | None,
    reason: Reason,
) -> None:
    made: Cycle = cycle(reason)
    key = published(reason=Reason.FIRST, cycle=made)
    (entry,) = to_ledger(AgentState((key,)), ORIGIN, {}).keys
    assert (entry.candidate, entry.intent) == (candidate, intent)
    assert (entry.reason, entry.candidate_reason) == (Reason.FIRST, reason)
    assert entry.requested == (reason is Reason.REQUESTED)


def test_what_was_requested_and_is_out_is_wanted_no_more() -> None:
    key = published(reason=Reason.REQUESTED, cycle=Idle())
    (entry,) = to_ledger(AgentState((key,)), ORIGIN, {}).keys
    assert (entry.candidate_reason, entry.requested) == (Reason.REQUESTED, False)


@pytest.mark.parametrize(
    ("changes", "cluster", "login"),
    [
        ({}, True, True),
        ({"others": ("https://b:8200",)}, True, True),
        ({"address": "https://b:8200", "others": ("https://vault:8200",)}, True, True),
        ({"address": "https://b:8200"}, False, False),
        ({"namespace": "/"}, True, True),
        ({"namespace": "team"}, False, False),
        ({"method": "jwt"}, True, False),
        ({"mount": "elsewhere"}, True, False),
        ({"role": "other"}, True, False),
    ],
)
def test_where_and_as_whom_the_agent_logged_in(
    changes: dict[str, Any],
    cluster: bool,
    login: bool,
) -> None:
    other = replace(ORIGIN, **changes)
    assert ORIGIN.same_cluster(other) == other.same_cluster(ORIGIN) == cluster
    assert ORIGIN.same_login(other) == other.same_login(ORIGIN) == login


def test_a_namespace_with_slashes_around_it_is_the_same() -> None:
    team = replace(ORIGIN, namespace="team/a")
    assert team.same_cluster(replace(ORIGIN, namespace="/team/a/"))
    assert not team.same_cluster(ORIGIN)


def test_clusters_that_share_a_node_are_the_same() -> None:
    nodes = [
        Origin(a, None, "jwt", "jwt", None, ("https://b",)) for a in ("https://a", "https://c")
    ]
    assert nodes[0].same_cluster(nodes[1])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"overlap": 1.0, "files": ()}, True),
        ({"path": "openai/creds/other"}, False),
        ({"field": "key"}, False),
        ({"ttl": None}, False),
        ({"federation": FEDERATION}, False),
    ],
)
def test_which_source_has_the_same_key(
    changes: dict[str, Any],
    expected: bool,
) -> None:
    assert SOURCE.same_key(replace(SOURCE, **changes)) is expected


def test_no_source_has_no_key() -> None:
    assert not SOURCE.same_key(None)
