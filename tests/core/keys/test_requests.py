"""What a person asks for: another key, at once, whatever goes on already."""

from __future__ import annotations

from freshkey.core.keys.lifecycle import request
from freshkey.core.model.actions import Issue, Publish, Revoke, Withdraw
from freshkey.core.model.events import ClockJumped, RotateRequested
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import BackingOff, Minting, Reason
from freshkey.core.model.state import Testing as BeingTested
from freshkey.core.model.struct import replace
from freshkey.core.model.verdict import Verdict

from tests.core.contexts import context_of
from tests.core.scripts import FULL_DISK, LIMITED, ForcedVerdict, Rule, policy
from tests.core.static import static
from tests.core.world import World


def orders(world: World) -> list[str]:
    asked = [
        order for _, order in world.log if isinstance(order, Issue | Publish | Revoke | Withdraw)
    ]
    return [type(order).__name__ for order in asked]


def test_a_request_within_an_overlap_ends_it() -> None:
    world = World(policy()).start().run(1)
    world.send(RotateRequested("billing")).run(1)
    world.send(RotateRequested("billing")).run(1)
    assert world.key().generation == 3
    assert world.alive() == 2
    assert world.max_live_leases == 2


def test_compromised_leaves_no_overlap() -> None:
    world = World(policy()).start().run(1)
    world.send(RotateRequested("billing", compromised=True)).run(0.05)
    assert orders(world)[-3:] == ["Issue", "Publish", "Revoke"]
    assert world.alive() == 1
    assert world.holds()
    assert not world.key().compromised


def test_now_withdraws_and_revokes_before_it_mints() -> None:
    world = World(policy()).start().run(1)
    world.send(RotateRequested("billing", compromised=True, now=True))
    assert "billing" not in world.file_keys
    world.run(0.05)
    assert orders(world)[-4:] == ["Withdraw", "Revoke", "Issue", "Publish"]
    assert world.max_live_leases == 1
    assert world.key().generation == 2
    assert not world.key().withdrawn


def test_a_request_does_not_wait_for_a_backoff() -> None:
    rule = Rule((Issue,), LIMITED, start=1500, end=4000)
    world = World(policy(), rules=(rule,)).start().run(2500)
    assert world.calls["Issue"] > 1
    world.rules = ()
    world.send(RotateRequested("billing")).run(1)
    assert world.key().generation == 2
    assert world.logged("key.published")[-1]["reason"] == "requested"


def test_a_request_while_one_waits_for_a_token_takes_its_place() -> None:
    world = World(policy()).start()
    world.send(RotateRequested("billing", now=True)).run(1)
    assert [record["reason"] for record in world.logged("key.published")] == ["requested"]


def test_a_request_during_a_mint_is_served_by_it() -> None:
    world = World(policy(), rules=(Rule((Issue,), latency=5),)).start().run(1)
    assert world.calls["Issue"] == 1
    world.send(RotateRequested("billing")).run(10)
    assert world.calls["Issue"] == 1


def test_a_request_during_a_mint_that_fails_is_not_forgotten() -> None:
    """The mint was for another reason, which goes away: the request does not."""
    world = World(policy(check_every=0, probe_every=60)).start().run(10)
    world.forced_verdicts = (ForcedVerdict(Verdict.REFUSED, start=world.now, end=world.now + 75),)
    world.rules = (Rule((Issue,), LIMITED, latency=20, end=world.now + 300),)
    world.run_until(lambda: isinstance(world.key().cycle, Minting), 100)
    world.send(RotateRequested("billing", compromised=True)).run(600)
    assert world.key().generation == 2
    assert world.logged("key.published")[-1]["reason"] == "requested"
    assert world.alive() == 1


def test_a_request_during_a_test_that_fails_is_not_forgotten() -> None:
    world = World(policy(check_every=0, probe_every=60)).start().run(10)
    world.forced_verdicts = (ForcedVerdict(Verdict.REFUSED, start=world.now, end=world.now + 110),)
    world.run_until(lambda: isinstance(world.key().cycle, BeingTested), 100)
    world.send(RotateRequested("billing")).run(600)
    assert world.key().generation == 2


def test_compromised_is_revoked_though_a_file_can_not_be_written() -> None:
    """The socket has the new key; to leave the old one alive would be worse."""
    world = World(policy(check_every=0, probe_every=0)).start().run(10)
    world.file_fault = FULL_DISK
    world.send(RotateRequested("billing", compromised=True)).run(1)
    assert world.calls["Revoke"] == 1
    assert world.alive() == 1
    assert world.fault() == FULL_DISK


def test_requests_while_a_file_can_not_be_written_pile_up_no_leases() -> None:
    world = World(policy(check_every=0, probe_every=0)).start().run(10)
    world.file_fault = FULL_DISK
    for generation in range(2, 7):
        world.send(RotateRequested("billing")).run(30)
        assert world.key().generation == generation
        assert world.alive() == 2, "the one on the socket, and the one before it"
    assert world.max_live_leases <= 3, "a third from its mint to its publish"
    world.file_fault = None
    world.run(310)
    assert world.alive() == 1


def test_a_file_keeps_its_lease_where_the_one_after_it_is_gone() -> None:
    """A third lease is not there, so nothing has to make room."""
    world = World(policy(check_every=0, probe_every=0)).start().run(10)
    world.file_fault = FULL_DISK
    world.send(RotateRequested("billing")).run(10)
    current = world.key().current
    assert current is not None
    world.vault.end_lease(current.lease.id)
    world.send(ClockJumped()).run(10)
    assert world.key().generation == 3
    assert world.holds(), "the file's readers have the first key"
    assert world.alive() == 2


def test_now_in_the_step_of_a_good_verdict_leaves_nothing_to_publish() -> None:
    """A key that is withdrawn in the step that would publish it was never out."""
    world = World(policy()).start().run(1)
    world.send(RotateRequested("billing")).run_until(
        lambda: isinstance(world.key().cycle, BeingTested) and bool(world.pending()), 5
    )
    (verdict,) = world.pending()
    before = len(world.log)
    world.send(verdict, RotateRequested("billing", compromised=True, now=True))
    ordered = [type(order).__name__ for _, order in world.log[before:]]
    assert "Publish" not in ordered
    assert ordered[0] == "Withdraw"
    assert "billing" not in world.file_keys
    told = [record["generation"] for record in world.logged("key.published")]
    assert told == [1], "what was never out is in no record"
    world.run(30)
    assert world.holds()
    assert world.alive() == 1


def test_a_key_that_vault_keeps_is_barred_when_it_is_called_compromised_now() -> None:
    world = static().run(10)
    secret = Secret(world.file_keys["billing"])
    world.send(RotateRequested("billing", now=True))
    assert world.key().barred == secret.fingerprint


def test_a_minted_key_is_not_barred_because_it_never_comes_back() -> None:
    world = World(policy()).start().run(10)
    world.send(RotateRequested("billing", now=True))
    assert world.key().barred is None


def test_nothing_is_compromised_before_the_first_publish() -> None:
    world = World(policy(), rules=(Rule((Issue,), latency=20),)).start().run(1)
    world.send(RotateRequested("billing", compromised=True))
    assert not world.key().compromised


def test_a_request_ends_the_overlap_while_a_replacement_waits() -> None:
    """The overlap began later than the wait, because a file could not be written until then."""
    world = World(policy()).start().run(10)
    world.send(RotateRequested("billing")).run(10)
    waiting = BackingOff(Reason.DUE, since=world.now, until=world.now + 60, fault=LIMITED)
    after = request(
        replace(world.key(), cycle=waiting), RotateRequested("billing"), context_of(world)
    )
    assert [entry.revoke_at for entry in after.retired] == [world.now]
