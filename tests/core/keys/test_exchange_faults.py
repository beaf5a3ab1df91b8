"""Behaviours 7, 8, and 15: an exchange that fails, and tokens that OpenAI takes no more."""

from __future__ import annotations

from freshkey.core.model.actions import Exchange, Ping
from freshkey.core.model.events import (
    Reported,
    RotateRequested,
)
from freshkey.core.model.faults import Fault, FaultKind
from freshkey.core.model.policy import Subject, VerifyMode
from freshkey.core.model.state import Idle
from freshkey.core.model.struct import replace
from freshkey.core.model.verdict import Verdict
from freshkey.core.model.view import KeyStatus

from tests.core.keys.test_exchange import TTL, exchanges, federated
from tests.core.scripts import (
    AWAY,
    FORBIDDEN,
    INVALID,
    LIMITED,
    ForcedVerdict,
    Rule,
    gaps,
    policy,
)
from tests.core.vault import Vault
from tests.core.world import World


def test_no_token_of_vault_stands_behind_it() -> None:
    world = federated().run(10)
    tag = world.history[-1][2]
    world.vault.end_everything()
    world.rules = (Rule((Exchange,), AWAY),)
    world.run(600)
    assert world.history[-1][2] == tag
    assert world.holds()
    assert world.view().status is KeyStatus.FRESH


def test_vault_away_is_waited_for_and_a_stale_token_withdrawn() -> None:
    """Without Vault there is no identity; the last token serves as long as OpenAI takes it."""
    world = federated(max_stale=60).run(10)
    world.rules = (Rule((Exchange,), AWAY, end=world.now + 2 * TTL),)
    world.run(TTL + 3)
    assert world.state.link.away is False, "pings are answered"
    assert not world.holds()
    assert world.view().status is KeyStatus.WITHDRAWN
    assert world.logged("key.withdrawn")[-1]["why"] in {"refused", "max_stale"}
    world.run(TTL + 30)
    assert world.holds()


def test_a_link_that_is_down_holds_back_who_needs_vault() -> None:
    world = World(
        replace(
            policy("of-vault", "of-file", probe_every=0),
            keys={
                "of-vault": replace(policy().keys["billing"], subject=Subject.VAULT),
                "of-file": replace(policy().keys["billing"], subject=Subject.FILE),
            },
        ),
        Vault(),
        (Rule((Ping,), AWAY), Rule((Exchange,), AWAY, names=("of-vault",))),
    ).start()
    world.run(60)
    assert world.state.link.away
    assert world.holds("of-file")
    assert not world.holds("of-vault")
    assert len([o for _, o in world.log if isinstance(o, Exchange) and o.name == "of-vault"]) == 1
    world.rules = ()
    world.run(60)
    assert world.holds("of-vault")


def test_a_lost_token_of_vault_costs_a_login_and_one_more_exchange() -> None:
    world = federated(rules=(Rule((Exchange,), INVALID, end=1000.015),)).run(10)
    assert world.holds()
    assert world.calls["LogIn"] == 2


def test_refusals_and_limits_wait() -> None:
    for fault, least in ((FORBIDDEN, 1.0), (LIMITED, 20.0)):
        world = federated(rules=(Rule((Exchange,), fault),)).run(600)
        assert world.fault() == fault
        trouble = world.key().trouble
        assert trouble is not None
        assert trouble.operation == "exchange"
        assert min(gaps(world.times(Exchange))) >= least
        assert world.state.abandoned == 0


def test_a_fresh_token_that_is_refused_too() -> None:
    """Then the fault is not the token: the old one stays, and the next try waits."""
    world = federated(activation_timeout=5).run(10)
    tag = world.history[-1][2]
    world.forced_verdicts = (ForcedVerdict(Verdict.REFUSED),)
    world.send(RotateRequested("billing")).run(30)
    assert world.history[-1][2] == tag
    assert world.fault() == Fault(FaultKind.REFUSED, "OpenAI refuses the new key: simulated")
    assert world.logged("lease.left"), "it was not published, and lives on, too"
    assert exchanges(world) == 2


def test_a_readers_report_that_openai_can_not_judge() -> None:
    for verify in (VerifyMode.PREFER, VerifyMode.OFF):
        world = federated(verify=verify).run(10)
        for _ in range(3):
            world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
            world.send(Reported("billing", world.history[-1][2])).run(10)
            world.forced_verdicts = ()
            world.run(60)
        assert exchanges(world) == 2, "one in ten minutes"
        assert world.logged("key.published")[-1]["reason"] == "reported"
        assert isinstance(world.key().cycle, Idle)


def test_a_token_that_openai_ended_is_noticed() -> None:
    """Somebody deleted the account, and made another rule."""
    world = federated(probe_every=60).run(10)
    world.vault.exchanged.clear()
    world.run(80)
    assert world.holds()
    assert world.logged("key.published")[-1]["reason"] == "refused"


def test_openai_is_asked_before_a_reader_is_believed() -> None:
    """Once a report was settled without an exchange, too."""
    world = federated().run(10)
    tag = world.history[-1][2]
    world.send(Reported("billing", tag)).run(10)
    assert exchanges(world) == 1, "OpenAI takes it"
    for _ in range(2):
        world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
        world.send(Reported("billing", world.history[-1][2])).run(10)
        world.forced_verdicts = ()
        world.run(90)
    assert exchanges(world) == 2, "one in ten minutes"
    world.run(600)
    world.send(Reported("billing", world.history[-1][2])).run(10)
    assert exchanges(world) == 2, "OpenAI takes this one, too"
