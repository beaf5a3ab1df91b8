"""Behaviour 5: what of a journal matches the configuration, and what does not."""

from __future__ import annotations

import pytest
from freshkey.core.keys.adoption import adopt
from freshkey.core.model.actions import LookUp, Ping, Revoke
from freshkey.core.model.events import CredentialUnwrapped, RotateRequested
from freshkey.core.model.grants import Unwrapped
from freshkey.core.model.ledger import Origin, Source, to_ledger
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import Testing as BeingTested
from freshkey.core.model.struct import replace
from freshkey.core.model.verdict import Verdict

from tests.core.scripts import (
    FULL_DISK,
    LIMITED,
    LOST,
    ORIGIN,
    ForcedVerdict,
    Rule,
    desired_state,
    policy,
    sources,
)
from tests.core.world import World

QUIET = {"check_every": 0, "probe_every": 0}


def test_a_changed_source_is_another_key() -> None:
    world = World(policy("a", "b", **QUIET)).start().run(10)
    wanted = desired_state(world.policy)
    wanted = replace(wanted, sources={**wanted.sources, "a": Source("openai/creds/a", "key")})
    world.restart(wanted)
    world.run(1)
    assert (world.key("a").generation, world.key("b").generation) == (2, 1)
    assert world.logged("key.published")[-1]["reason"] == "changed"
    assert world.calls["LogIn"] == 1
    world.run(298)
    assert world.calls["Revoke"] == 0
    world.run(5)
    assert world.calls["Revoke"] == 1, "after its successor's overlap"
    assert world.alive() == 2


def test_a_changed_source_while_the_successor_is_tested() -> None:
    world = (
        World(policy(**QUIET), forced_verdicts=(ForcedVerdict(Verdict.UNKNOWN, start=1005),))
        .start()
        .run(10)
    )
    world.send(RotateRequested("billing")).run(5)
    assert isinstance(world.key().cycle, BeingTested)
    world.forced_verdicts = ()
    world.restart(
        replace(desired_state(world.policy), sources={"billing": Source("other", "api_key")})
    )
    world.run(310)
    assert world.calls["Revoke"] == 2
    assert world.alive() == 1


def test_a_removed_key_is_revoked_and_forgotten() -> None:
    world = World(policy("kept", "removed")).start().run(10)
    world.send(RotateRequested("removed")).run(10)
    lease = world.key("removed").current
    (record,) = world.restart(desired_state(policy("kept"))).records
    fields = dict(record.fields)
    assert (record.event, record.audit, fields["why"]) == ("key.withdrawn", True, "removed")
    assert lease is not None
    assert (fields["key"], fields["lease_id"]) == ("removed", lease.lease.vault_id)
    assert world.restart(desired_state(policy("kept"))).records == (), "once"
    assert [key.name for key in world.state.keys] == ["kept", "removed"]
    world.run(400)
    assert [key.name for key in world.state.keys] == ["kept"]
    assert world.alive() == 1
    assert world.calls["Issue"] == 3


def test_a_removed_key_makes_no_ping_urgent() -> None:
    world = World(policy("kept", "removed")).start().run(10)
    world.rules = (Rule((LookUp, Revoke, Ping), LOST),)
    world.restart(desired_state(policy("kept")))
    world.run(600)
    assert 5 < world.calls["Ping"] < 60


def test_a_key_removed_before_its_file_was_written() -> None:
    world = World(policy("kept", "removed")).start().run(10)
    world.file_fault = FULL_DISK
    world.send(RotateRequested("removed")).run(10)
    world.restart(desired_state(policy("kept")))
    world.run(400)
    assert world.alive() == 1


def test_a_removed_key_comes_back() -> None:
    world = World(policy("a", "b")).start().run(10)
    world.rules = (Rule((Revoke,), LIMITED),)
    world.restart(desired_state(policy("a")))
    world.run(10)
    world.rules = ()
    world.restart(desired_state(policy("a", "b")))
    world.run(400)
    assert world.holds("b")
    assert world.key("b").generation == 2
    assert world.alive() == 2


def test_a_new_key_is_minted() -> None:
    world = World(policy("a")).start().run(10)
    world.restart(desired_state(policy("a", "b")))
    world.run(1)
    assert (world.key("a").generation, world.key("b").generation) == (1, 1)
    assert world.calls["LogIn"] == 1


def test_another_login_brings_another_token() -> None:
    world = World(policy(**QUIET)).start().run(10)
    world.restart(replace(desired_state(world.policy), origin=replace(ORIGIN, role="another")))
    world.run(1)
    assert world.calls["LogIn"] == 2
    assert world.holds()
    assert world.key().generation == 2
    world.run(400)
    assert world.alive() == 1
    assert len(world.vault.tokens) == 1, "the old one is revoked after the overlap under it"


@pytest.mark.parametrize(
    ("origin", "known"),
    [
        (ORIGIN, True),
        (replace(ORIGIN, mount="other"), False),
        (replace(ORIGIN, role="other"), False),
    ],
)
def test_an_unwrapped_secret_id_goes_to_its_own_login_alone(origin: Origin, *, known: bool) -> None:
    unwrapped = Unwrapped("0123abcd", Secret("secret-id"))
    world = World(policy(**QUIET)).start().run(10).send(CredentialUnwrapped(unwrapped))
    world.restart(replace(desired_state(world.policy), origin=origin))
    assert world.state.tokens.unwrapped == (unwrapped if known else None)


NODES = replace(ORIGIN, others=("https://vault-2:8200", "https://vault-3:8200"))


@pytest.mark.parametrize(
    "origin",
    [
        replace(NODES, address="https://vault-3:8200", others=(ORIGIN.address,)),
        replace(NODES, address="https://vault-4:8200", others=("https://vault-2:8200",)),
        replace(NODES, address="https://balancer", others=(ORIGIN.address,)),
        replace(ORIGIN, others=()),
    ],
    ids=["reordered", "a node replaced", "a load balancer in front", "nodes removed"],
)
def test_nodes_of_one_cluster_may_be_listed_otherwise(origin: Origin) -> None:
    """One node that both name is enough: it is the cluster that the token came from."""
    world = World(policy(**QUIET)).start().run(10)
    ledger = to_ledger(world.state, NODES, sources(world.policy))
    adopted = adopt(ledger, replace(desired_state(world.policy), origin=origin), world.now)
    assert adopted.state.tokens.current == world.state.tokens.current is not None
    assert [key.current for key in adopted.state.keys] == [world.key().current]
    assert not adopted.records


@pytest.mark.parametrize(
    "origin",
    [
        replace(ORIGIN, address="https://other"),
        replace(ORIGIN, address="https://other", others=("https://other-2",)),
        replace(ORIGIN, namespace="other"),
    ],
)
def test_a_token_is_sent_to_no_other_address(origin: Origin) -> None:
    world = World(policy(**QUIET)).start().run(10)
    leases = set(world.vault.leases)
    secret = world.state.tokens.current.secret  # type: ignore[union-attr]  # it has logged in
    adopted = world.restart(replace(desired_state(world.policy), origin=origin))
    assert {dict(record.fields)["lease_id"] for record in adopted.records} == leases
    seen = len(world.log)
    world.run(400)
    assert not [o for _, o in world.log[seen:] if getattr(o, "token", None) == secret]
    assert world.holds()
    assert world.key().generation == 2, "generations go on"
