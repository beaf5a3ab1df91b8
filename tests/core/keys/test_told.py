"""Behaviour 11: what is told of a key; and what is not, because it did not happen."""

from __future__ import annotations

import pytest
from freshkey.core.model.actions import Issue, LogIn, Revoke
from freshkey.core.model.events import RotateRequested
from freshkey.core.model.policy import VerifyMode

from tests.core.keys.test_exchange import federated
from tests.core.scripts import AWAY, FORBIDDEN, FULL_DISK, INVALID, Rule, policy
from tests.core.static import static
from tests.core.world import World

QUIET = {"check_every": 0, "probe_every": 0}
HOUR = 3600.0


def test_a_replacement_is_told_of_when_it_is_due() -> None:
    world = World(policy(**QUIET)).start().run(HOUR)
    assert world.logged("key.replacement_wanted") == [{"key": "billing", "reason": "due"}]
    world.send(RotateRequested("billing"))
    assert world.logged("key.replacement_wanted")[1:] == [{"key": "billing", "reason": "requested"}]


def test_a_read_of_a_kept_key_is_no_replacement() -> None:
    world = static().run(HOUR)
    assert world.calls["Refresh"] > 5
    assert world.logged("key.replacement_wanted") == []


def test_a_mint_that_vault_refused_is_not_abandoned() -> None:
    world = World(policy(**QUIET), rules=(Rule((Issue,), FORBIDDEN),)).start().run(60)
    assert world.logged("key.replacement_failed")
    assert world.logged("mint.abandoned") == []


def test_an_overlap_that_begins_while_a_replacement_waits_ends_before_it_is_tried_again() -> None:
    world = World(policy(**QUIET)).start().run(10)
    world.file_fault = FULL_DISK
    world.send(RotateRequested("billing")).run(10)
    world.rules = (Rule((Issue,), FORBIDDEN),)
    world.send(RotateRequested("billing")).run(2)
    world.file_fault = None
    world.run(6)
    assert world.alive() == 2, "the old lease is in its overlap"
    world.rules = ()
    world.run(20)
    assert world.key().generation == 3
    assert world.max_live_leases == 2


def test_a_key_that_nobody_wants_tested_is_not_told_of_as_untested() -> None:
    world = World(policy(verify=VerifyMode.OFF, **QUIET)).start().run(10)
    assert world.logged("key.published")
    assert world.logged("key.published_untested") == []


def test_a_mint_that_fails_for_its_token_is_told_of_until_it_works() -> None:
    rules = (Rule((Issue,), INVALID, end=1002), Rule((LogIn,), AWAY, start=1000.015, end=1002))
    world = World(policy(**QUIET), rules=rules).start().run(1)
    assert world.fault() == INVALID
    world.run(30)
    assert world.fault() is None


def test_waits_are_told_in_tenths_of_a_second() -> None:
    world = World(policy(**QUIET), rules=(Rule((Issue,), FORBIDDEN),)).start().run(300)
    world.rules = (Rule((Revoke,), FORBIDDEN),)
    world.run(300)
    world.send(RotateRequested("billing", compromised=True)).run(60)
    waits = [
        one["retry_in"]
        for event in ("key.replacement_failed", "lease.revocation_failed")
        for one in world.logged(event)
    ]
    assert len(waits) > 5
    assert all(wait == round(wait, 1) for wait in waits)


def test_readers_learn_by_which_names_openai_knows_the_key() -> None:
    publication = World(policy()).start().run(10).view().publication
    assert publication is not None
    assert (publication.api_key_id, publication.account) == ("key_2", None)
    publication = federated().run(10).view().publication
    assert publication is not None
    assert (publication.api_key_id, publication.account) == (None, "svc_acct_1")


def test_the_age_of_a_key_counts_from_its_publish() -> None:
    world = World(policy(**QUIET)).start().run(100)
    assert world.key().published_at == world.history[0][0] < 1001
    world.send(RotateRequested("billing")).run(100)
    assert world.key().published_at == world.history[1][0] > 1099


def test_a_publish_is_told_of_with_its_end() -> None:
    (told,) = World(policy(**QUIET)).start().run(10).logged("key.published")
    assert (told["expires_in"], told["expires_at"]) == (3600, pytest.approx(4600, abs=1))
    (told,) = static().run(10).logged("key.published")
    assert (told["expires_in"], told["expires_at"]) == (None, None)


def test_what_is_left_of_an_access_token_is_no_reason_to_worry_unless_it_is_compromised() -> None:
    world = federated().run(10)
    world.send(RotateRequested("billing")).run(10)
    world.send(RotateRequested("billing", compromised=True)).run(10)
    world.send(RotateRequested("billing", now=True)).run(10)
    levels = [record.level for _, record in world.records if record.event == "lease.left"]
    assert levels == ["info", "warning", "warning"]
    assert world.key().retired == ()
    assert world.calls["Revoke"] == 0
