"""Behaviour 8: what fails for ever costs little for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.actions import Exchange, Issue, LogIn, Order, Ping, Refresh, Renew
from freshkey.core.model.events import RotateRequested
from freshkey.core.model.policy import Subject

from tests.core.scripts import Rule, policy
from tests.core.strategies import CALLS, FAULTS
from tests.core.vault import Vault
from tests.core.world import World

if TYPE_CHECKING:
    from freshkey.core.model.faults import Fault

pytestmark = pytest.mark.no_cover  # the tables cover the core; tracing takes thrice the time

TAIL = 1200.0  # seconds
MOST = 4 * TAIL / 30  # full jitter up to a minute: 30 s; a lost mint costs a login and a revocation
MOST_PINGS = TAIL / 2


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}: {fault.message}")
@pytest.mark.parametrize("order", CALLS, ids=lambda order: order.__name__)
def test_the_tail_of_a_permanent_fault(order: type[Order], fault: Fault) -> None:
    """With a key in hand; what a key needs first fails from the start, too."""
    for start in (0, 1010) if order in {Issue, Exchange, LogIn} else (1010,):
        vault = Vault(renewable=order is Renew, lease_ttl=600, token_ttl=1800, token_max=3600)
        subject = Subject.VAULT if order is Exchange else None
        vault.static_keys = {"billing": "sk-kept"} if order is Refresh else {}
        world = World(
            policy(subject=subject), vault, rules=(Rule((order,), fault, start=start),)
        ).start()
        world.run(20).send(RotateRequested("billing", compromised=True)).run(2 * TAIL)
        tail = world.now - TAIL
        assert sum(at > tail for at in world.times(*CALLS)) <= MOST
        assert sum(at > tail for at in world.times(Ping)) <= MOST_PINGS
