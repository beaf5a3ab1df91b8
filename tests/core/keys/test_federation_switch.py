"""A team goes from KV to the plugin, and on to federation, by an edit each; and back again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.agent.step import holds_of_vault
from freshkey.core.keys.adoption import DesiredState
from freshkey.core.model.actions import Exchange, LogIn, Revoke
from freshkey.core.model.events import CredentialChanged, RotateRequested
from freshkey.core.model.grants import TokenKind
from freshkey.core.model.ledger import Federation, Source
from freshkey.core.model.policy import Subject
from freshkey.core.model.state import Testing as BeingTested
from freshkey.core.model.struct import replace
from freshkey.core.model.verdict import Verdict

from tests.core.scripts import AWAY, ORIGIN, ForcedVerdict, Rule, desired_state, policy
from tests.core.static import static
from tests.core.vault import Vault
from tests.core.world import World

if TYPE_CHECKING:
    from freshkey.core.model.ledger import Origin

GIVEN = "hvs.given"
ELSEWHERE = replace(ORIGIN, address="https://other:8200")
NOWHERE = replace(ORIGIN, address="", method="", mount="", role=None)


def federation(
    subject: Subject = Subject.VAULT, account: str = "svc_acct_1", origin: Origin = ORIGIN
) -> DesiredState:
    """The configuration with an exchange for the key."""
    source = Source("", "", federation=Federation("idp_1", account, subject, "https://auth"))
    wanted = policy(subject=subject, probe_every=0, overlap=60)
    return DesiredState(wanted, origin, {"billing": source})


def watch(world: World) -> list[float]:
    """The instants at which readers of the file had no key that OpenAI takes."""
    without: list[float] = []
    world.step_hooks.append(lambda: None if world.holds() else without.append(world.now))
    return without


def test_from_kv_to_the_plugin_to_federation_and_back() -> None:
    world = static().run(10)
    world.sources = {"billing": KV}
    without = watch(world)
    plugin = desired_state(policy(probe_every=0, overlap=60))
    kept = world.vault.static_keys["billing"]
    world.vault.static_keys = {"elsewhere": kept}  # OpenAI takes it all the time
    for wanted, generation in (
        (plugin, 2),
        (federation(), 3),
        (federation(Subject.FILE), 4),
        (federation(), 5),
        (plugin, 6),
    ):
        world.restart(wanted)
        world.run(10)
        assert world.key().generation == generation
        assert world.logged("key.published")[-1]["reason"] == "changed"
        assert not world.key().outdated
    world.vault.static_keys = {"billing": kept}
    world.restart(replace(desired_state(policy(probe_every=0)), sources={"billing": KV}))
    world.run(310)
    assert world.key().generation == 7
    assert without == []
    assert world.alive() == 0, "each lease of the plugin was revoked after its overlap"


KV = Source("secret/data/billing", "api_key")


def test_another_account_keeps_the_old_token_until_its_successor_is_out() -> None:
    world = World(federation().policy, Vault()).start().run(5)
    old = world.file_keys["billing"]
    wanted = federation(account="svc_acct_2")
    world.rules = (Rule((Exchange,), AWAY),)
    world.restart(wanted)
    world.run(60)
    assert world.file_keys["billing"] == old
    assert world.key().outdated
    world.restart(wanted)
    world.rules = ()
    world.run(60)
    assert world.file_keys["billing"] != old
    assert world.calls["LookUp"] == world.calls["Renew"] == 0


def test_a_switch_away_while_a_token_is_tested() -> None:
    world = World(federation().policy, Vault()).start()
    world.sources = federation().sources
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    world.run(5)
    assert isinstance(world.key().cycle, BeingTested)
    world.forced_verdicts = ()
    world.restart(desired_state(policy(probe_every=0)))
    world.run(5)
    assert world.alive() == 1
    assert world.key().retired == (), "nothing to revoke"


def test_another_vault_does_not_matter_to_what_openai_gave() -> None:
    world = World(federation().policy, Vault()).start().run(5)
    world.sources = federation().sources
    tag = world.history[-1][2]
    world.restart(federation(origin=ELSEWHERE))
    world.run(5)
    assert world.history[-1][2] == tag
    assert world.calls["Exchange"] == 1
    assert not world.logged("lease.left")


def test_without_vault_nobody_logs_in() -> None:
    wanted = federation(Subject.FILE, origin=NOWHERE)
    world = World(wanted.policy, Vault()).start().run(10 * 3600)
    assert world.holds()
    assert world.times(LogIn) == []
    assert world.calls["Ping"] == 0
    world.sources = wanted.sources
    tag, made = world.history[-1][2], world.calls["Exchange"]
    world.restart(wanted)
    world.run(5)
    assert (world.history[-1][2], world.calls["Exchange"]) == (tag, made)


def test_a_file_in_place_of_the_last_key_of_vault_ends_its_token() -> None:
    """Once the overlap is over: then nothing is left of Vault."""
    world = World(policy(probe_every=0, overlap=60), Vault(token_ttl=100)).start().run(5)
    without = watch(world)
    wanted = federation(Subject.FILE)
    world.restart(wanted)
    world.run(30)
    assert world.alive() == 1, "its readers have the overlap"
    assert holds_of_vault(world.state)
    world.run(60)
    assert world.alive() == 0
    assert world.calls["Revoke"] == 1
    assert world.calls["RevokeToken"] == 1
    assert world.state.tokens.current is None
    assert not holds_of_vault(world.state)
    world.restart(replace(wanted, origin=NOWHERE))
    world.run(3600)
    assert (world.calls["LogIn"], without) == (1, [])


def test_a_token_that_ends_before_the_overlap_takes_its_lease_along() -> None:
    vault = Vault(token_ttl=40, token_kind=TokenKind.BATCH)
    world = World(policy(probe_every=0, overlap=10), vault).start().run(5)
    world.restart(federation(Subject.FILE))
    world.send(RotateRequested("billing")).run(120)
    assert world.holds()
    assert world.key().retired == ()
    assert world.calls["LogIn"] == 1


def test_a_token_that_is_being_tested_survives_the_loss_of_vault() -> None:
    world = World(federation().policy, Vault()).start()
    world.sources = federation().sources
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    world.run(5)
    world.forced_verdicts = ()
    world.restart(federation(Subject.VAULT, origin=ELSEWHERE))
    world.run(5)
    assert (world.key().generation, world.calls["Exchange"]) == (1, 1)


def test_a_token_that_is_not_the_agents_is_left_alone() -> None:
    """It belongs to whoever made it, and a way back to the plugin needs it."""
    vault = Vault(given_token=GIVEN)
    world = World(policy(probe_every=0, overlap=60), vault).start().run(5)
    world.restart(federation(Subject.FILE))
    world.run(600)
    assert world.calls["RevokeToken"] == 0
    assert world.state.tokens.retired == ()
    assert world.alive() == 0, "the lease was revoked all the same"
    world.restart(desired_state(policy(probe_every=0)))
    world.run(30)
    assert world.alive() == 1


def test_a_lease_of_an_older_token_is_revoked_with_the_newer_one() -> None:
    world = World(policy(probe_every=0, overlap=60), Vault()).start().run(5)
    world.send(CredentialChanged()).run(1)
    world.restart(federation(Subject.FILE))
    world.run(600)
    assert world.calls["Revoke"] == 1
    assert world.alive() == 0
    assert not holds_of_vault(world.state)


def test_a_lease_that_vault_did_not_take_over_is_tried_again() -> None:
    world = World(policy(probe_every=0, overlap=60), Vault(given_token=GIVEN)).start().run(5)
    world.rules = (Rule((Revoke,), AWAY, end=world.now + 90),)
    world.restart(federation(Subject.FILE))
    world.run(600)
    assert world.alive() == 0
