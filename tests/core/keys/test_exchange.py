"""Behaviour 15: access tokens of OpenAI's, for which an identity token is exchanged."""

from __future__ import annotations

from typing import Any

from freshkey.core.keys.lifecycle import leases, live_leases
from freshkey.core.model.actions import Exchange, Issue, LookUp, Publish, Renew, Revoke
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.events import (
    ClockJumped,
    Exchanged,
    RotateRequested,
    StopRequested,
)
from freshkey.core.model.grants import Grant
from freshkey.core.model.ledger import to_ledger
from freshkey.core.model.policy import Subject, VerifyMode
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import Exchanging
from freshkey.core.model.state import Testing as BeingTested
from freshkey.core.model.verdict import Verdict

from tests.core.scripts import (
    ORIGIN,
    ForcedVerdict,
    Rule,
    gaps,
    policy,
    sources,
)
from tests.core.vault import Vault
from tests.core.world import World

TTL = 3600.0


def federated(
    *names: str,
    subject: Subject = Subject.VAULT,
    rules: tuple[Rule, ...] = (),
    **options: Any,  # noqa: ANN401 - KeyPolicy's
) -> World:
    """A world in which every key is an access token."""
    wanted = policy(*names, subject=subject, **{"probe_every": 0, **options})
    return World(wanted, Vault(exchange_ttl=TTL, token_ttl=7200), rules).start()


def exchanges(world: World) -> int:
    return world.calls["Exchange"]


def test_an_exchange_is_a_mint_that_leaves_nothing_behind() -> None:
    world = federated().run(3 * TTL)
    assert world.holds()
    assert 4 <= exchanges(world) <= 6
    for order in ("Issue", "Renew", "LookUp", "Revoke"):
        assert world.calls[order] == 0
    assert world.state.mints == ()
    assert not world.logged("key.mint_intended")
    assert len(world.logged("key.exchanged")) == exchanges(world)
    assert {one["service_account"] for one in world.logged("key.published")} == {"svc_acct_1"}
    assert world.view().publication is not None


def test_the_next_token_comes_while_the_last_one_lives_for_its_overlap() -> None:
    world = federated(overlap=300, activation_timeout=30).run(20 * TTL)
    published = [at for at, _, _ in world.history]
    for pause in gaps(published):
        assert TTL / 2 <= pause <= TTL - 300 - 30
    left = world.logged("lease.left")
    assert len(left) == len(published) - 1
    assert all(one["expires_at"] > at + 300 for one, at in zip(left, published[1:], strict=True))
    assert all("disable the federation rule" in one["message"] for one in left)


def test_a_short_token_is_replaced_halfway_and_never_spins() -> None:
    world = federated()
    world.vault.exchange_ttl = 1.0
    world.send(RotateRequested("billing")).run(100)
    assert exchanges(world) <= 105
    world.vault.exchange_ttl = TTL
    world.run(100)
    assert world.holds()


def test_it_counts_as_a_lease_that_vault_knows_nothing_of() -> None:
    world = federated().run(10)
    assert (leases(world.key()), live_leases(world.key())) == (1, ())
    world = World(policy(), Vault()).start().run(10)
    assert leases(world.key()) == len(live_leases(world.key())) == 1


def test_an_answer_that_nobody_waits_for() -> None:
    world = federated().run(10)
    tag = world.history[-1][2]
    grant = Grant("", TTL, renewable=False, secret=Secret("oaiat-other"), asked_at=world.now)
    world.send(Exchanged(Exchange("billing", 0, None), grant)).run(1)
    assert world.history[-1][2] == tag


def test_many_keys_need_no_mint_budget() -> None:
    names = [f"key-{number}" for number in range(50)]
    world = federated(*names).run(2)
    assert all(world.holds(name) for name in names)


def test_a_restart_goes_on_without_an_exchange() -> None:
    world = federated().run(10)
    tag = world.history[-1][2]
    for reboot in (None, 500.0):
        adopted = world.restart(reboot=reboot)
        assert adopted.state.keys[0].current is not None
        assert adopted.state.keys[0].confirmed
        world.run(60)
        assert world.history[-1][2] == tag
    assert exchanges(world) == 1
    assert world.calls["LookUp"] == 0
    assert world.calls["LogIn"] == 1


def test_a_restart_during_an_exchange_or_a_test() -> None:
    world = federated(rules=(Rule((Exchange,), latency=5),)).run(2)
    assert isinstance(world.key().cycle, Exchanging)
    assert to_ledger(world.state, ORIGIN, sources(world.policy)).keys[0].intent is None
    world.restart()
    assert world.state.abandoned == 0
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    world.run(7)
    assert isinstance(world.key().cycle, BeingTested)
    world.forced_verdicts = ()
    assert world.restart().records == (), "it is still in use"
    world.run(3)
    assert (world.key().generation, exchanges(world)) == (1, 2)


def test_a_request_during_an_exchange_survives_a_restart() -> None:
    world = federated().run(10)
    world.rules = (Rule((Exchange,), latency=30),)
    world.run(0.7 * TTL)
    world.run_until(lambda: isinstance(world.key().cycle, Exchanging), TTL)
    tag = world.history[-1][2]
    world.send(RotateRequested("billing"))
    world.rules = ()
    world.restart()
    world.run(5)
    assert world.history[-1][2] != tag
    assert world.logged("key.published")[-1]["reason"] == "requested"


def test_a_candidate_that_ended_while_the_agent_was_away() -> None:
    world = federated()
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    world.run(5)
    world.forced_verdicts = ()
    world.now += TTL
    world.restart()
    assert world.key().retired == ()
    world.run(5)
    assert world.holds()


def test_rotate_compromised() -> None:
    world = federated().run(10)
    old = world.file_keys["billing"]
    world.send(RotateRequested("billing", compromised=True)).run(5)
    assert world.file_keys["billing"] != old
    assert world.vault.accepts(old, world.now), "nobody can end it"
    (record,) = [r for _, r in world.records if r.event == "lease.left"]
    assert (record.level, record.audit) == ("warning", True)
    assert dict(record.fields)["expires_at"] == 1000 + TTL + 0.01
    assert world.key().retired == ()


def test_rotate_now() -> None:
    world = federated(rules=(Rule((Exchange,), latency=3),)).run(10)
    world.send(RotateRequested("billing", compromised=True, now=True)).run(1)
    assert "billing" not in world.file_keys
    assert world.logged("lease.left")
    world.send(RotateRequested("billing"))  # while the exchange is under way: it serves
    world.run(5)
    assert world.holds()
    assert (world.key().barred, exchanges(world)) == (None, 2)


def test_a_stop_waits_for_no_exchange_and_revokes_nothing() -> None:
    world = federated(revoke_on_stop=True).run(10)
    world.rules = (Rule((Exchange,), latency=30),)
    world.send(RotateRequested("billing")).run(1)
    began = world.now
    world.send(StopRequested()).run(30)
    assert world.finished
    assert world.now - began < 5
    assert "billing" not in world.file_keys
    assert world.logged("lease.left")
    assert world.times(Issue, Renew, LookUp, Revoke) == []


def test_an_answer_that_comes_after_a_withdrawal_is_used() -> None:
    world = federated(rules=(Rule((Exchange, Probe), latency=1),)).run(1.5)
    world.send(RotateRequested("billing", compromised=True, now=True)).run(10)
    assert world.times(Publish)
    assert world.holds()


def test_the_clock_jumps() -> None:
    world = federated().run(10)
    world.send(ClockJumped()).run(5)
    assert world.calls["LookUp"] == 0
    assert len(world.times(Publish)) == 2, "files name its end"


def test_tokens_that_live_shorter_than_an_exchange_takes_are_asked_for_once_a_second() -> None:
    wanted = policy(subject=Subject.FILE, probe_every=0, verify=VerifyMode.OFF)
    world = World(wanted, Vault(exchange_ttl=0.001)).start().run(60)
    assert 30 <= exchanges(world) <= 62
