"""The invariants can fail: each agent that is broken on purpose is found out soon."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from tests.simulation.broken import BrokenError
from tests.simulation.campaign import run_share
from tests.simulation.histories import from_text
from tests.simulation.mutants import MUTANTS
from tests.simulation.run import check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.simulation.histories import History, Kind
    from tests.simulation.mutant import Mutant

HISTORIES = 400  # at most: the first that breaks is the last

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_broken_agent_is_found_out(mutant: Mutant) -> None:
    with mutant.applied():
        history = mutant.history or _drawn(mutant.kinds)
        with pytest.raises(BrokenError) as caught:
            check(history)
    assert caught.value.number == mutant.number, str(caught.value)
    del caught  # its traceback holds what that agent kept
    gc.collect()
    check(history)


def _drawn(kinds: Sequence[Kind]) -> History:
    """Draw histories until one breaks, and return that."""
    share = run_share(HISTORIES, seed=1, kinds=kinds, shrinks=False)
    assert share.broken is not None, f"nobody noticed in {HISTORIES} histories"
    return from_text(share.broken)
