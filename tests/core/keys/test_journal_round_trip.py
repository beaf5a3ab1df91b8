"""Behaviour 5: what a start changes of the state that the journal had, and what it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.core.keys.adoption import DesiredState, adopt
from freshkey.core.model.actions import Exchange, Issue, Revoke
from freshkey.core.model.events import CredentialChanged, RotateRequested
from freshkey.core.model.ledger import Ledger, Source, to_ledger
from freshkey.core.model.policy import KeyPolicy, Subject
from freshkey.core.model.state import Testing as BeingTested
from freshkey.core.model.struct import replace
from freshkey.core.model.verdict import Verdict

from tests.core.scripts import (
    BAD_REQUEST,
    FORBIDDEN,
    LOST,
    ORIGIN,
    ForcedVerdict,
    Rule,
    desired_state,
    policy,
    sources,
)
from tests.core.vault import Vault
from tests.core.world import World

if TYPE_CHECKING:
    from freshkey.core.keys.adoption import Adopted

QUIET = {"check_every": 0, "probe_every": 0}
ELSEWHERE = replace(ORIGIN, address="https://other:8200")
OVERLAP = 300.0


def with_overlap(wanted: DesiredState) -> DesiredState:
    """As the agent writes its journal: with what a key that is not configured any more needs."""
    return replace(
        wanted,
        sources={
            name: replace(source, overlap=OVERLAP, files=(f"/run/keys/{name}",))
            for name, source in wanted.sources.items()
        },
    )


def journal(world: World) -> Ledger:
    return to_ledger(world.state, ORIGIN, with_overlap(desired_state(world.policy)).sources)


def started(world: World, wanted: DesiredState) -> Adopted:
    world.sources = with_overlap(desired_state(world.policy)).sources
    return world.restart(wanted)


def test_a_start_that_changes_nothing_leaves_the_journal_as_it_is() -> None:
    """In any state: in an overlap, while a key is tested, after a request, under an old token."""
    names = ("overlap", "tested", "requested", "withdrawn", "refused")
    world = World(policy(*names, budget=0, **QUIET)).start().run(10)
    world.send(RotateRequested("overlap"), CredentialChanged()).run(10)
    world.rules = (
        Rule((Issue,), FORBIDDEN, names=("requested", "withdrawn")),
        Rule((Revoke,), BAD_REQUEST, names=("refused",)),
    )
    world.send(
        RotateRequested("requested", compromised=True),
        RotateRequested("withdrawn", now=True),
        RotateRequested("refused", compromised=True),
    ).run(10)
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    world.send(RotateRequested("tested")).run(5)
    before = journal(world)
    assert [entry.reason for entry in before.keys] == [
        "requested",
        "first",
        "first",
        "first",
        "requested",
    ]
    assert before.retired_tokens
    adopted = adopt(before, desired_state(world.policy), world.now)
    again = to_ledger(adopted.state, ORIGIN, with_overlap(desired_state(world.policy)).sources)
    assert again == before
    assert adopted.files == tuple(f"/run/keys/{name}" for name in names)


def test_another_login_revokes_older_tokens_too() -> None:
    world = World(policy(**QUIET)).start().run(10)
    world.send(CredentialChanged()).run(10)
    assert len(world.state.tokens.retired) == 1
    world.restart(replace(desired_state(world.policy), origin=replace(ORIGIN, role="another")))
    world.run(1200)
    assert len(world.vault.tokens) == 1
    assert world.alive() == 1


def test_a_tested_key_of_another_source_is_revoked_once_its_successor_is_out() -> None:
    world = World(policy(**QUIET)).start().run(10)
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    world.send(RotateRequested("billing")).run(5)
    world.forced_verdicts = ()
    world.rules = (Rule((Issue,), latency=30),)
    wanted = replace(desired_state(world.policy), sources={"billing": Source("other", "api_key")})
    world.restart(wanted)
    world.run(29)
    assert world.calls["Revoke"] == 0
    world.run(5)
    assert world.calls["Revoke"] == 1, "two leases are enough: the published one has its overlap"
    world.run(OVERLAP)
    assert world.alive() == 1


def test_a_tested_key_whose_lease_has_ended_is_told_of() -> None:
    world = World(policy(), forced_verdicts=(ForcedVerdict(Verdict.UNKNOWN),)).start().run(10)
    (lease_id,) = world.vault.leases
    world.now += 7200
    world.restart()
    world.run(1)
    assert [one["lease_id"] for one in world.logged("lease.ended")] == [lease_id]


def test_a_removed_key_has_its_overlap_and_what_began_before_goes_on() -> None:
    world = World(policy("kept", "removed", **QUIET)).start().run(10)
    world.send(RotateRequested("removed")).run(100)
    began = world.now
    started(world, desired_state(policy("kept", **QUIET)))
    world.run(OVERLAP - 100 - 5)
    assert world.calls["Revoke"] == 0
    world.run(10)
    assert world.calls["Revoke"] == 1, "the overlap under way does not begin again"
    world.run(85)
    assert world.calls["Revoke"] == 1
    world.run(10)
    assert world.times(Revoke)[-1] == pytest.approx(began + OVERLAP, abs=1)
    assert world.alive() == 1


def test_a_removed_keys_overlap_ends_with_its_lease() -> None:
    world = World(policy("kept", "removed", **QUIET), Vault(lease_ttl=400)).start().run(200)
    started(world, desired_state(policy("kept", **QUIET)))
    (retired,) = world.key("removed").retired
    assert retired.revoke_at == retired.lease.expires_at


def test_what_is_tested_for_a_removed_key_is_revoked() -> None:
    world = World(policy("kept", "removed", **QUIET)).start().run(10)
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    world.send(RotateRequested("removed")).run(5)
    assert isinstance(world.key("removed").cycle, BeingTested)
    started(world, desired_state(policy("kept", **QUIET)))
    world.run(OVERLAP + 10)
    assert world.calls["Revoke"] == 2
    assert world.alive() == 1


def moved(world: World, *names: str) -> Adopted:
    """Start with another cluster."""
    wanted = policy(*names, **QUIET)
    return started(world, replace(desired_state(wanted), origin=ELSEWHERE))


def test_another_cluster_begins_with_nothing_but_generations() -> None:
    world = World(policy("a", "b", "c", **QUIET)).start().run(10)
    world.send(RotateRequested("a")).run(10)
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    world.send(RotateRequested("b")).run(5)
    leases = set(world.vault.leases)
    adopted = moved(world, "a", "b", "new")
    (withdrawn,) = (one for one in adopted.records if one.event == "key.withdrawn")
    assert dict(withdrawn.fields)["key"] == "c"
    left = [one for one in adopted.records if one.event == "lease.left"]
    assert {dict(record.fields)["lease_id"] for record in left} == leases
    assert len(left) == 5, "one for each: published, in its overlap, and tested"
    assert all(record.level == "warning" for record in left)
    assert adopted.files == ("/run/keys/a", "/run/keys/b", "/run/keys/c")
    held = [(key.name, key.generation, key.announced) for key in adopted.state.keys]
    assert held == [("a", 2, 2), ("b", 1, 1), ("new", 0, 0)]
    for key in adopted.state.keys:
        assert (key.current, key.retired, key.outdated) == (None, (), False)
    assert len(adopted.state.mints) == 5, "the budget is the agent's"


def test_an_access_token_goes_on_with_another_cluster_and_a_lease_of_vault_does_not() -> None:
    keys = {
        "exchanged": KeyPolicy(subject=Subject.VAULT, probe_every=0),
        "minted": KeyPolicy(check_every=0, probe_every=0),
    }
    world = World(replace(policy(), keys=keys)).start().run(10)
    tag = world.view("exchanged").publication
    wanted = replace(desired_state(world.policy), origin=ELSEWHERE)
    adopted = started(world, wanted)
    held = {key.name: key for key in adopted.state.keys}
    assert held["exchanged"].current is not None
    assert held["minted"].current is None
    assert world.view("exchanged").publication == tag
    assert len(world.times(Exchange)) == 1


def test_a_lease_in_its_overlap_is_revoked_at_no_other_cluster() -> None:
    """Where a key comes from an exchange by now, and the Vault before is another one."""
    world = World(policy(**QUIET)).start().run(10)
    wanted = desired_state(policy(subject=Subject.FILE, **QUIET))
    started(world, wanted)
    world.run(10)
    assert len(world.key().retired) == 1
    world.sources = wanted.sources
    adopted = world.restart(replace(wanted, origin=ELSEWHERE))
    assert [key.retired for key in adopted.state.keys] == [()]
    assert [record.event for record in adopted.records] == ["lease.left"]
    assert world.holds(), "what OpenAI gave goes on"


def test_an_exchange_in_place_of_a_lease_of_another_cluster() -> None:
    """What that Vault gave is not served any more, and is no key of another source."""
    world = World(policy(**QUIET)).start().run(10)
    wanted = desired_state(policy(subject=Subject.FILE, **QUIET))
    adopted = started(world, replace(wanted, origin=ELSEWHERE))
    (key,) = adopted.state.keys
    assert (key.current, key.outdated, key.generation) == (None, False, 1)
    world.run(5)
    assert world.logged("key.published")[-1]["reason"] == "first"


def test_a_lost_mint_counts_over_a_move() -> None:
    world = World(policy(**QUIET), rules=(Rule((Issue,), LOST, latency=60),)).start().run(5)
    adopted = moved(world, "billing")
    assert adopted.state.abandoned == 1
    assert sources(world.policy)
