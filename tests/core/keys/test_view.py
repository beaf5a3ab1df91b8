"""What readers and the status see of a key: its state, the fault that stands, its leases."""

from __future__ import annotations

import pytest
from freshkey.core.keys.lifecycle import leases, live_leases, view
from freshkey.core.model.actions import Issue
from freshkey.core.model.events import RotateRequested
from freshkey.core.model.faults import Fault, Operation, Trouble
from freshkey.core.model.state import KeyState, Link
from freshkey.core.model.struct import replace
from freshkey.core.model.token import Tokens
from freshkey.core.model.view import KeyStatus

from tests.core.scripts import AWAY, BAD_REQUEST, FORBIDDEN, INVALID, Rule, policy
from tests.core.world import World

QUIET = {"check_every": 0, "probe_every": 0}


def trouble(fault: Fault | None) -> Trouble | None:
    return None if fault is None else Trouble(Operation.MINT, fault, 0.0)


@pytest.mark.parametrize(
    ("of_key", "of_token", "of_link", "shown"),
    [
        (None, None, None, None),
        (None, None, AWAY, AWAY),
        (None, INVALID, AWAY, INVALID),
        (FORBIDDEN, INVALID, AWAY, FORBIDDEN),
        (FORBIDDEN, None, AWAY, FORBIDDEN),
    ],
)
def test_the_nearest_fault_says_why_there_is_no_key(
    of_key: Fault | None, of_token: Fault | None, of_link: Fault | None, shown: Fault | None
) -> None:
    key = KeyState("billing", trouble=trouble(of_key))
    seen = view(key, Tokens(trouble=trouble(of_token)), Link(fault=of_link))
    assert (seen.status, seen.publication, seen.fault) == (KeyStatus.STARTING, None, shown)


def test_a_withdrawn_key_is_not_starting() -> None:
    world = World(policy(**QUIET), rules=(Rule((Issue,), BAD_REQUEST, start=1005),)).start()
    world.run(10).send(RotateRequested("billing", now=True)).run(1)
    assert world.view().status is KeyStatus.WITHDRAWN
    assert world.view().fault == BAD_REQUEST


def test_a_published_key_shows_its_own_fault_only() -> None:
    world = World(policy(**QUIET)).start().run(10)
    tokens = replace(world.state.tokens, trouble=trouble(INVALID))
    assert view(world.key(), tokens, Link(fault=AWAY)).fault is None
    troubled = replace(world.key(), trouble=trouble(FORBIDDEN))
    assert view(troubled, tokens, Link()).fault == FORBIDDEN


def test_a_lease_that_vault_does_not_know_any_more_is_not_counted() -> None:
    world = World(policy(check_every=60, probe_every=0)).start().run(10)
    assert (leases(world.key()), live_leases(world.key())) == (1, (world.lease().id,))
    world.rules = (Rule((Issue,), FORBIDDEN),)
    world.vault.end_lease(world.lease().id)
    world.run_until(lambda: bool(world.logged("lease.gone")), 80)
    assert world.key().current is not None, "OpenAI has not been asked yet"
    assert (leases(world.key()), live_leases(world.key())) == (0, ())
