"""Behaviour 1, make before break: mint, test, publish, wait for the overlap, revoke."""

from __future__ import annotations

import pytest
from freshkey.core.model.actions import Issue, LookUp, Publish, Revoke, Withdraw
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.events import RotateRequested
from freshkey.core.model.state import Idle
from freshkey.core.model.state import Testing as BeingTested
from freshkey.core.model.verdict import Verdict

from tests.core.scripts import (
    AWAY,
    BAD_REQUEST,
    FULL_DISK,
    INVALID,
    LIMITED,
    ForcedVerdict,
    Rule,
    gaps,
    policy,
)
from tests.core.vault import Vault
from tests.core.world import World


def orders(world: World, *names: str) -> list[str]:
    return [type(order).__name__ for _, order in world.log if type(order).__name__ in names]


def test_the_first_key() -> None:
    world = World(policy()).start().run(1)
    assert orders(world, "Issue", "Test", "Publish", "Revoke") == ["Issue", "Test", "Publish"]
    assert world.holds()
    assert world.key().generation == 1
    assert isinstance(world.key().cycle, Idle)
    (record,) = world.logged("key.published")
    assert record["reason"] == "first"
    assert record["tag"] == world.history[0][2]


def test_the_order_of_a_rotation() -> None:
    world = World(policy(check_every=0, probe_every=0)).start().run(3600)
    assert orders(world, "Issue", "Test", "Publish", "Revoke") == [
        *("Issue", "Test", "Publish"),
        *("Issue", "Test", "Publish", "Revoke"),
    ]
    (revoked,) = world.times(Revoke)
    assert revoked == pytest.approx(world.history[1][0] + 300, abs=0.1), "the overlap"
    assert world.key().generation == 2
    assert world.max_live_leases == 2


def test_the_old_key_is_good_until_readers_have_the_new_one() -> None:
    world = World(policy(check_every=0, probe_every=0)).start().run(1)
    for _ in range(3600):
        world.run(10)
        assert world.holds()


def test_a_replacement_within_an_overlap_ends_it() -> None:
    """Leases of 20 s and an overlap of 300 s: never more than two of them live."""
    world = World(policy(check_every=0), Vault(lease_ttl=20)).start().run(600)
    assert world.max_live_leases == 2
    assert len(world.mints) == pytest.approx(600 / 10, abs=4)
    assert world.holds()


def test_the_overlap_ends_with_the_old_lease() -> None:
    world = World(policy(overlap=3600, activation_timeout=0), Vault(lease_ttl=100))
    world.start().run(1)
    first = world.vault.leases[world.key().current.lease.id]  # type: ignore[union-attr]  # it has minted
    world.run_until(lambda: world.key().generation == 2, 100)
    (retired,) = world.key().retired
    assert retired.revoke_at <= first.expires_at
    world.run_until(lambda: not world.key().retired, 100)
    assert world.now <= first.expires_at + 1


def test_a_revocation_that_fails_is_repeated() -> None:
    world = World(policy(check_every=0, probe_every=0), rules=(Rule((Revoke,), LIMITED),))
    world.start().run(1).send(RotateRequested("billing")).run(1200)
    waits = gaps(world.times(Revoke))
    for wait, longest in zip(waits, (40, 80, 160, 320, 600), strict=False):
        assert 20 <= wait <= longest + 0.1
    assert 5 <= len(waits) <= 20
    world.rules = ()
    world.run_until(lambda: not world.key().retired, 700)
    assert world.alive() == 1


def test_a_revocation_stops_at_the_end_of_the_lease() -> None:
    world = World(policy(check_every=0), Vault(lease_ttl=900), rules=(Rule((Revoke,), LIMITED),))
    world.start().run(1).send(RotateRequested("billing", compromised=True)).run(1)
    (retired,) = world.key().retired
    world.run_until(lambda: not any(r.lease == retired.lease for r in world.key().retired), 2000)
    assert world.now == pytest.approx(retired.lease.expires_at, abs=1)
    assert world.logged("lease.ended")[0]["lease_id"] == retired.lease.id


def test_only_a_lookup_tells_that_a_lease_is_gone() -> None:
    """Vault refuses the revocation; the lease is looked up, lives, and is revoked again."""
    world = World(policy(check_every=0, probe_every=0), rules=(Rule((Revoke,), BAD_REQUEST),))
    world.start().run(1).send(RotateRequested("billing", compromised=True)).run(15)
    assert orders(world, "Revoke", "LookUp")[:3] == ["Revoke", "LookUp", "Revoke"]
    (retired,) = world.key().retired
    world.vault.end_lease(retired.lease.id)
    world.run_until(lambda: not world.key().retired, 60)
    assert world.logged("lease.gone")[0]["lease_id"] == retired.lease.id


def test_a_lookup_of_a_doubtful_revocation_that_fails_too() -> None:
    rules = (Rule((Revoke, LookUp), BAD_REQUEST, end=1100),)
    world = World(policy(check_every=0, probe_every=0), rules=rules)
    world.start().run(1).send(RotateRequested("billing", compromised=True)).run(400)
    assert orders(world, "Revoke", "LookUp")[:3] == ["Revoke", "LookUp", "Revoke"]
    assert not world.key().retired
    assert world.alive() == 1


def test_a_file_that_cannot_be_written_holds_the_overlap() -> None:
    world = World(policy(check_every=0, probe_every=0)).start().run(1)
    world.file_fault = FULL_DISK
    world.send(RotateRequested("billing")).run(600)
    assert world.calls["Revoke"] == 0, "the file's readers have the old key"
    assert world.fault() == FULL_DISK
    assert world.logged("key.published")[-1]["generation"] == 2, "the socket's readers have it"
    writes = len(world.times(Publish))
    assert 120 < writes < 480, "it is retried with a backoff, up to 5 s"
    world.file_fault = None
    world.run_until(lambda: world.key().generation in _written(world), 60)
    assert world.fault() is None
    assert world.calls["Revoke"] == 0
    world.run(310)
    assert world.calls["Revoke"] == 1, "the overlap began with the write"


def test_a_file_that_is_written_late_makes_no_third_lease() -> None:
    world = World(policy(check_every=0, probe_every=0), rules=(Rule((Issue,), latency=30),))
    world.start().run(40)
    world.file_fault = FULL_DISK
    world.send(RotateRequested("billing")).run(40)
    world.send(RotateRequested("billing")).run(10)
    world.file_fault = None
    world.run(60)
    assert world.key().generation == 3
    world.run(5)
    assert world.alive() == 2


def test_a_check_that_fails_late_starts_no_overlap() -> None:
    """It was asked about the key that is published; meanwhile that one has a successor."""
    rules = (Rule((LookUp,), LIMITED, latency=30, start=1045),)
    forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN, start=1045),)
    world = World(policy(probe_every=0, overlap=0), rules=rules, forced_verdicts=forced_verdicts)
    world.start().run(45)
    world.file_fault = FULL_DISK
    world.send(RotateRequested("billing")).run(60)
    assert world.key().generation == 2
    assert world.calls["LookUp"] >= 1
    world.run(600)
    assert world.calls["Revoke"] == 0, "the file's readers have the old key"


def test_files_that_cannot_be_removed_are_told_of() -> None:
    world = World(policy()).start().run(1)
    world.file_fault = FULL_DISK
    world.rules = (Rule((Issue,), AWAY),)
    world.send(RotateRequested("billing", now=True))
    assert world.times(Withdraw)
    assert world.logged("key.file_failed")
    assert world.fault() == FULL_DISK


def test_revocations_belong_to_a_token_that_lives() -> None:
    """The lease goes with its token when Vault does not know the token any more."""
    world = World(
        policy(check_every=0, probe_every=0), rules=(Rule((Revoke,), INVALID, end=1001.03),)
    )
    world.start().run(1).send(RotateRequested("billing", compromised=True)).run(400)
    assert world.calls["LogIn"] == 2
    assert world.holds()
    assert world.alive() == 1


def _written(world: World) -> set[int]:
    return {int(tag.partition("-")[0]) for _, _, tag in world.history}


def test_a_test_takes_as_long_as_it_takes() -> None:
    world = World(policy(), rules=(Rule((Probe,), latency=10),)).start().run(5)
    assert isinstance(world.key().cycle, BeingTested)
    assert not world.file_keys
    world.run(10)
    assert world.holds()
