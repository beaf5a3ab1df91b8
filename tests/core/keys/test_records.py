"""Behaviour 11: every step of a key's life is on record, under all the names that it has."""

from __future__ import annotations

from freshkey.core.keys.lifecycle import leases
from freshkey.core.keys.revocation import pending
from freshkey.core.model.actions import Issue, Revoke
from freshkey.core.model.events import RotateRequested, StopRequested
from freshkey.core.model.faults import FaultKind, Operation
from freshkey.core.model.verdict import Verdict

from tests.core.scripts import BAD_REQUEST, LIMITED, LOST, ForcedVerdict, Rule, policy
from tests.core.vault import Vault
from tests.core.world import World

QUIET = {"check_every": 0, "probe_every": 0}
NAMES = ("key", "tag", "lease_id", "api_key_id", "service_account")


def audited(world: World) -> list[tuple[str, dict[str, object]]]:
    return [(r.event, dict(r.fields)) for _, r in world.records if r.audit]


def test_a_lease_that_somebody_else_ended() -> None:
    world = World(policy()).start().run(10)
    (lease_id,) = world.vault.leases
    world.vault.end_lease(lease_id)
    world.run(200)
    (told,) = [fields for event, fields in audited(world) if event == "lease.gone"]
    assert told["lease_id"] == lease_id


def test_a_rotation_from_intent_to_revocation() -> None:
    world = World(policy(overlap=30, **QUIET)).start().run(10)
    world.records.clear()
    world.send(RotateRequested("billing")).run(60)
    events = audited(world)
    assert [event for event, _ in events] == [
        "key.mint_intended",
        "key.minted",
        "key.tested",
        "key.published",
        "lease.revoked",
    ]
    assert all(tuple(fields)[: len(NAMES)] == NAMES for _, fields in events)
    minted, tested, published = (fields for _, fields in events[1:4])
    for name in NAMES:
        assert minted[name] == tested[name] == published[name] is not None
    revoked = events[4][1]
    assert str(published["tag"]).startswith("2-")
    assert str(revoked["tag"]).startswith("1-")
    assert revoked["api_key_id"] not in {None, published["api_key_id"]}
    assert minted["request_id"] is not None
    assert revoked["correlation_id"] == f"correlation-{revoked['lease_id']}"
    assert minted["expires_at"] == published["expires_at"] is not None


def test_a_renewal() -> None:
    world = World(policy(**QUIET), Vault(renewable=True)).start().run(2500)
    (renewed,) = (fields for event, fields in audited(world) if event == "key.renewed")
    assert str(renewed["tag"]).startswith("1-")
    assert renewed["request_id"] is not None


def test_a_withdrawal() -> None:
    world = World(policy(**QUIET)).start().run(10)
    world.rules = (Rule((Issue,), LIMITED),)
    world.send(RotateRequested("billing", compromised=True, now=True))
    (withdrawn,) = (fields for event, fields in audited(world) if event == "key.withdrawn")
    assert str(withdrawn["tag"]).startswith("1-")
    assert withdrawn["why"] == "requested"
    assert leases(world.key()) == pending(world.key(), world.now) == 1


def test_what_a_revoked_token_takes_along() -> None:
    world = World(policy(revoke_on_stop=True, **QUIET)).start().run(10)
    world.send(StopRequested()).run(10)
    assert world.finished
    assert [event for event, _ in audited(world)][-2:] == ["key.withdrawn", "lease.revoked"]


def test_a_mint_without_an_answer_is_counted_over_restarts() -> None:
    world = World(policy(**QUIET), rules=(Rule((Issue,), LOST, end=1000.5),)).start().run(20)
    assert [fields["key"] for event, fields in audited(world) if event == "mint.abandoned"]
    assert world.state.abandoned == 1
    world.restart()
    assert world.state.abandoned == 1
    world.run(5)
    world.rules = (Rule((Issue,), latency=30),)
    world.send(RotateRequested("billing")).run(1)
    adopted = world.restart()
    assert [record.event for record in adopted.records] == ["mint.abandoned"]
    assert adopted.records[0].audit
    assert world.state.abandoned == 2


def test_a_requested_rotation_outlives_a_restart() -> None:
    world = World(policy(**QUIET)).start().run(10)
    world.rules = (Rule((Issue,), LIMITED),)
    world.send(RotateRequested("billing", compromised=True)).run(1)
    world.rules = ()
    world.restart()
    world.run(5)
    assert world.key().generation == 2
    assert world.logged("key.published")[-1]["reason"] == "requested"


def test_leases_of_a_key_are_counted_with_the_one_on_trial() -> None:
    world = World(policy(overlap=300, **QUIET)).start().run(10)
    world.forced_verdicts = (ForcedVerdict(Verdict.REFUSED),)
    world.send(RotateRequested("billing")).run(2)
    assert leases(world.key()) == 2
    world.forced_verdicts = ()
    world.run(10)
    assert (leases(world.key()), pending(world.key(), world.now)) == (2, 0)
    world.vault.end_everything()
    assert leases(World(policy()).start().key()) == 0


def test_a_revocation_that_fails_is_a_trouble_until_vault_takes_it() -> None:
    refused = Rule((Revoke,), BAD_REQUEST, end=1200)
    world = World(policy(overlap=1, probe_every=0, check_every=20), rules=(refused,)).start()
    world.run(10)
    world.send(RotateRequested("billing")).run(60)
    trouble = world.key().trouble
    assert trouble is not None
    assert trouble.operation is Operation.REVOKE_LEASE
    assert trouble.fault.kind is FaultKind.BAD_REQUEST
    assert trouble.at > 1010
    assert pending(world.key(), world.now) == 1
    world.send(RotateRequested("billing")).run(30)
    assert pending(world.key(), world.now) == 2, "each of them"
    world.run(600)
    assert (world.key().trouble, pending(world.key(), world.now)) == (None, 0)


def test_a_failed_revocation_hides_no_other_trouble() -> None:
    refused = Rule((Revoke,), BAD_REQUEST, start=1010)
    world = World(policy(overlap=5, **QUIET), rules=(refused,)).start().run(10)
    world.send(RotateRequested("billing")).run(1)
    world.rules = (refused, Rule((Issue,), LIMITED))
    world.send(RotateRequested("billing")).run(20)
    assert world.fault() == LIMITED
