"""Behaviour 15: how access tokens end, which nobody can revoke, and which may not gain a second."""

from __future__ import annotations

import pytest
from freshkey.core.model.actions import Exchange, Revoke
from freshkey.core.model.events import Exchanged, RotateRequested, StopRequested
from freshkey.core.model.faults import FaultKind
from freshkey.core.model.grants import Grant
from freshkey.core.model.policy import Subject, VerifyMode
from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import replace
from freshkey.core.model.verdict import Verdict

from tests.core.keys.test_exchange import TTL, exchanges, federated
from tests.core.keys.test_federation_switch import federation
from tests.core.scripts import ForcedVerdict, Rule, desired_state, gaps, policy
from tests.core.vault import Vault
from tests.core.world import World


def unrenewed() -> World:
    """A world in which nobody renews the identity token, which ends with the first access token."""
    world = federated(subject=Subject.FILE)
    world.vault.identity_end = world.now + TTL
    return world


def left(world: World) -> list[object]:
    return [one["tag"] for one in world.logged("lease.left")]


def test_an_identity_token_that_nobody_renews_costs_no_generation() -> None:
    """Its access tokens all end with it, so the first one is as good as any."""
    world = unrenewed().run(TTL - 60)
    assert world.key().generation == 1
    assert world.holds()
    fault = world.fault()
    assert fault is not None
    assert fault.kind is FaultKind.FORBIDDEN
    assert "identity token" in fault.message
    assert 3 < exchanges(world) < 25
    assert len(left(world)) == exchanges(world) - 1, "what was given in vain lives on"
    assert min(gaps(world.times(Exchange))[1:]) >= 1


@pytest.mark.parametrize("before", [1800.0, 20.0])
def test_one_that_is_renewed_late_is_used_in_time(before: float) -> None:
    world = unrenewed()
    end = world.now + TTL
    world.run(TTL - before)
    assert world.key().generation == 1
    world.vault.identity_end = end + TTL
    world.run(before - 1)
    assert world.key().generation == 2
    assert world.fault() is None
    world.run(60)
    assert world.holds()


def test_a_person_gets_another_token_whenever_it_ends() -> None:
    world = unrenewed().run(TTL / 4)
    world.send(RotateRequested("billing")).run(5)
    assert world.key().generation == 2


def test_the_same_token_with_a_later_end_is_no_other_generation() -> None:
    world = federated()
    world.vault.gives_again = True
    world.run(TTL)
    assert exchanges(world) == 2
    assert world.key().generation == 1
    assert left(world) == []
    publication = world.view().publication
    assert publication is not None
    assert publication.expires_at == pytest.approx(world.times(Exchange)[-1] + TTL, abs=0.1)
    assert len({tag for _, _, tag in world.history}) == 1
    assert len(world.history) == 2, "files name the later end"
    world.run(TTL)
    assert world.holds()
    world.vault.gives_again = False
    world.send(RotateRequested("billing")).run(5)
    assert left(world) == [world.history[0][2]], "under its own tag"


def test_the_same_token_with_the_same_end_waits() -> None:
    world = unrenewed()
    world.vault.gives_again = True
    world.run(TTL - 60)
    assert world.key().generation == 1
    assert 3 < exchanges(world) < 25
    assert left(world) == []
    world.vault.identity_end = world.now + TTL
    world.run(120)
    assert (world.key().generation, world.fault(), world.key().failures) == (1, None, 0)
    assert world.holds()


def test_the_same_token_is_no_replacement_of_a_compromised_one() -> None:
    world = federated().run(10)
    world.vault.gives_again = True
    world.send(RotateRequested("billing", compromised=True)).run(100)
    assert world.key().generation == 1
    assert world.key().compromised
    fault = world.fault()
    assert fault is not None
    assert fault.kind is FaultKind.REFUSED
    assert 2 <= exchanges(world) <= 4
    world.vault.gives_again = False
    world.run(300)
    assert world.key().generation == 2
    assert not world.key().compromised
    assert len(left(world)) == 1


def test_the_same_token_is_not_what_a_person_has_asked_for() -> None:
    world = federated().run(10)
    world.vault.gives_again = True
    world.send(RotateRequested("billing")).run(10)
    fault = world.fault()
    assert fault is not None
    assert "gave the access token again" in fault.message
    world.vault.gives_again = False
    world.run(200)
    assert world.key().generation == 2


def test_a_compromised_one_that_has_ended_is_asked_for_no_faster() -> None:
    world = federated(verify=VerifyMode.OFF).run(10)
    world.vault.gives_again = True
    world.send(RotateRequested("billing", compromised=True)).run(3 * TTL)
    assert exchanges(world) < 3 * TTL / 300 + 10


def test_the_same_token_under_another_rule_is_up_to_date() -> None:
    world = federated().run(10)
    world.vault.gives_again = True
    world.state = replace(world.state, keys=(replace(world.key(), outdated=True),))
    world.run(TTL)
    assert (world.key().generation, world.key().outdated) == (1, False)


def test_the_same_token_that_openai_refuses_is_no_replacement() -> None:
    world = federated(probe_every=60).run(10)
    world.vault.gives_again = True
    world.forced_verdicts = (ForcedVerdict(Verdict.REFUSED),)
    world.run(100)
    assert world.key().generation == 1
    fault = world.fault()
    assert fault is not None
    assert fault.kind is FaultKind.REFUSED
    assert exchanges(world) == 2, "the next one a minute later"
    world.vault.gives_again = False
    world.forced_verdicts = ()
    world.run(400)
    assert world.key().generation == 1, "OpenAI takes it after all"
    assert world.fault() is None


def test_a_late_answer_lives_on_and_is_told_of() -> None:
    world = federated().run(10)
    order = Exchange("billing", 0, None)
    grant = Grant("", TTL, renewable=False, secret=Secret("oaiat-other"), asked_at=world.now)
    world.send(Exchanged(order, grant))
    (record,) = world.logged("lease.left")
    assert record["expires_at"] == world.now + TTL
    used = Secret(world.file_keys["billing"])
    world.send(Exchanged(order, replace(grant, secret=used))).run(1)
    assert len(world.logged("lease.left")) == 1, "the one in use is not left"


def test_a_token_of_a_removed_key_is_told_of() -> None:
    world = federated("kept", "removed").run(10)
    adopted = world.restart(desired_state(policy("kept", subject=Subject.VAULT)))
    withdrawn, record = adopted.records
    assert withdrawn.event == "key.withdrawn"
    assert (record.event, record.audit) == ("lease.left", True)
    assert dict(record.fields)["key"] == "removed"
    assert dict(record.fields)["expires_at"] == pytest.approx(1000 + TTL, abs=1)


@pytest.mark.parametrize("of_elsewhere", [False, True])
def test_a_tested_token_of_another_account_is_told_of(*, of_elsewhere: bool) -> None:
    world = World(federation().policy, Vault()).start()
    world.sources = federation().sources
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    world.run(5)
    wanted = federation(account="svc_acct_2")
    if of_elsewhere:
        wanted = replace(wanted, origin=replace(wanted.origin, address="https://other"))
    adopted = world.restart(wanted)
    assert [record.event for record in adopted.records] == ["lease.left"]
    assert world.restart(wanted).records == (), "once"


def test_a_token_that_has_ended_is_not_left() -> None:
    world = federated("kept", "removed").run(10)
    world.now += TTL
    adopted = world.restart(desired_state(policy("kept", subject=Subject.VAULT)))
    assert [record.event for record in adopted.records] == ["key.withdrawn"]


def test_a_tested_token_at_a_stop_is_told_of() -> None:
    world = federated(revoke_on_stop=True)
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    world.run(5)
    world.send(StopRequested()).run(10)
    assert world.finished
    assert len(left(world)) == 1


def test_an_exchange_waits_for_the_revocation_of_a_lease_before() -> None:
    """Never more than one request of a key is under way: the world checks that."""
    world = World(policy(probe_every=0, overlap=60), Vault()).start().run(5)
    world.restart(federation())
    world.run(50)
    world.rules = (Rule((Revoke,), latency=20),)
    world.run_until(lambda: bool(world.times(Revoke)), 30)
    world.send(RotateRequested("billing")).run(10)
    assert world.key().generation == 2
    world.run(15)
    assert world.key().generation == 3


def test_the_tries_before_its_end_are_no_closer_than_ten_seconds() -> None:
    world = unrenewed().run(TTL - 0.5)
    late = [at for at in world.times(Exchange) if at > 1000 + TTL - 200]
    assert len(late) >= 3
    assert min(gaps(late)) >= 10
