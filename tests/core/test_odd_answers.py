"""Answers that nobody waits for, or that come late: a step is defined for every event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.model.actions import Issue, LookUp, Publish, Renew, Revoke, RevokeToken, Withdraw
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.events import (
    Failed,
    Issued,
    LookedUp,
    Published,
    Renewed,
    Reported,
    RotateRequested,
    TokenRevoked,
    Woke,
)
from freshkey.core.model.events import Tested as Verdicted
from freshkey.core.model.grants import Grant, Renewal
from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import replace
from freshkey.core.model.verdict import Finding, Verdict

from tests.core.scripts import AWAY, BAD_REQUEST, FULL_DISK, Rule, policy
from tests.core.vault import Vault
from tests.core.world import World

if TYPE_CHECKING:
    from freshkey.core.model.token import Token


def running() -> World:
    return World(policy(check_every=0, probe_every=0)).start().run(10)


def token(world: World) -> Token:
    current = world.state.tokens.current
    assert current is not None
    return current


def renewal(world: World, name: str = "billing") -> Renew:
    return Renew(name, "openai/creds/other/1", 3600, 1, token(world).secret)


def published(world: World) -> Publish:
    return next(order for _, order in world.log if isinstance(order, Publish))


def test_a_mint_that_nobody_waits_for_is_revoked() -> None:
    world = running()
    grant = Grant(
        "openai/creds/billing/9", 3600, renewable=False, secret=Secret("sk-9"), asked_at=1
    )
    world.send(Issued(Issue("billing", 1, token(world).secret), grant)).run(1)
    assert world.logged("lease.revoked")[0]["lease_id"] == "openai/creds/billing/9"


def test_a_failed_mint_that_nobody_waits_for() -> None:
    world = running()
    before = world.key()
    world.send(Failed(Issue("billing", 1, token(world).secret), BAD_REQUEST))
    assert world.key() == before


def test_a_renewal_of_another_lease() -> None:
    world = running()
    before = world.key()
    answer = Renewal(10, renewable=False, asked_at=world.now)
    world.send(Renewed(renewal(world), answer))
    world.send(Failed(renewal(world), BAD_REQUEST))
    assert world.key() == before


def test_a_renewal_of_a_key_that_was_withdrawn_meanwhile() -> None:
    world = running()
    world.rules = (Rule((Issue,), BAD_REQUEST),)
    world.send(RotateRequested("billing", now=True)).run(5)
    before = world.key()
    world.send(Renewed(renewal(world), Renewal(10, renewable=False, asked_at=world.now)))
    world.send(Failed(renewal(world), BAD_REQUEST))
    assert world.key() == before


def test_an_answer_about_a_key_that_is_gone() -> None:
    world = running()
    before = world.state
    answer = Renewal(10, renewable=False, asked_at=world.now)
    world.send(Renewed(renewal(world, "gone"), answer)).send(Reported("gone", "1-00000000"))
    assert world.state == before


def test_a_lookup_of_another_lease() -> None:
    world = running()
    before = world.key()
    order = LookUp("billing", "openai/creds/other/1", 1, token(world).secret)
    for event in (LookedUp(order, None), Failed(order, BAD_REQUEST)):
        world.send(event)
    assert world.key() == before


def test_the_end_of_a_token_that_is_not_known() -> None:
    world = running()
    before = world.state
    world.send(TokenRevoked(RevokeToken(77, Secret("hvs.77"))))
    assert world.state == before


def test_files_whose_answer_is_a_failure() -> None:
    """They break no overlap, and say nothing of Vault."""
    world = running()
    world.send(Failed(published(world), FULL_DISK))
    assert world.fault() == FULL_DISK
    assert world.key().write_failures == 1
    world.run(2)
    assert world.fault() is None
    world.send(Failed(Withdraw("billing"), AWAY))
    assert world.fault() is None, "it was not withdrawn"


def test_files_of_a_withdrawn_key_whose_answer_is_a_failure() -> None:
    world = running()
    world.rules = (Rule((Issue,), BAD_REQUEST),)
    world.send(RotateRequested("billing", now=True))
    world.send(Failed(Withdraw("billing"), AWAY))
    assert not world.state.link.away
    assert len(world.times(Withdraw)) == 1
    world.run(5)
    assert len(world.times(Withdraw)) == 2, "tried again"


def test_a_file_of_an_old_generation() -> None:
    world = running()
    old = published(world)
    before = world.key()
    newer = Publish("billing", old.publication.__class__(0, Secret("sk-0"), None))
    world.send(Published(newer))
    assert world.key() == before


def test_a_file_of_an_old_generation_starts_no_overlap() -> None:
    world = running()
    old = published(world)
    world.file_fault = FULL_DISK
    world.send(RotateRequested("billing")).run(0.5)
    (waiting,) = world.key().retired
    world.send(Published(old))
    assert world.key().retired == (waiting,), "its readers still have the old key"
    assert world.key().write_failures == 1


def test_a_file_of_a_key_that_was_withdrawn_meanwhile() -> None:
    world = running()
    world.rules = (Rule((Issue,), BAD_REQUEST),)
    world.send(RotateRequested("billing", now=True)).run(5)
    before = world.key()
    for faults in ((), (FULL_DISK,)):
        world.send(Published(published(world), faults))
    assert world.key() == before


def test_files_are_written_by_one_order_at_a_time() -> None:
    """Where the end of a key moves before its files were written, the next order follows."""
    world = running()
    order = published(world)
    writing = replace(world.key(), publishing=True, written_until=0.0)
    world.state = replace(world.state, keys=(writing,))
    world.send(Woke())
    assert len(world.times(Publish)) == 1
    world.send(Published(order))
    assert len(world.times(Publish)) == 2


def test_a_test_of_another_key() -> None:
    world = running()
    before = world.key()
    order = Probe("billing", "openai/creds/other/1", Secret("sk-9"))
    world.send(Verdicted(order, Finding(Verdict.REFUSED, "simulated")))
    assert world.key() == before


def test_a_revocation_that_fails_once_the_lease_has_ended() -> None:
    world = World(policy(check_every=0), Vault(lease_ttl=60)).start().run(1)
    world.rules = (Rule((Revoke,), BAD_REQUEST, latency=65),)
    world.send(RotateRequested("billing", compromised=True)).run(1)
    assert world.calls["Revoke"] == 1
    world.run(70)
    assert world.logged("lease.ended")
    assert not world.logged("lease.revocation_failed")


def test_a_lookup_of_a_key_that_was_withdrawn_meanwhile() -> None:
    world = running()
    world.rules = (Rule((Issue,), BAD_REQUEST),)
    world.send(RotateRequested("billing", now=True)).run(5)
    before = world.key()
    order = LookUp("billing", "openai/creds/other/1", 1, token(world).secret)
    world.send(LookedUp(order, None))
    assert world.key() == before
