"""What a revocation that fails changes, field by field."""

from __future__ import annotations

import pytest
from freshkey.core.keys import revocation
from freshkey.core.model.faults import Fault, FaultKind, Operation, Trouble
from freshkey.core.model.state import Retired
from freshkey.core.model.struct import replace

from tests.core.contexts import NOW, at, told
from tests.core.keys.held import lease, published
from tests.core.scripts import AWAY, BAD_REQUEST, FORBIDDEN

OVERLAP = Retired(lease(2), NOW + 30)
FAILED = Retired(lease(5), NOW + 9, failures=2)


@pytest.mark.parametrize("fault", [BAD_REQUEST, Fault(FaultKind.NOT_FOUND, "no handler")])
@pytest.mark.parametrize("uncertain", [False, True])
def test_a_revocation_that_is_refused_leaves_a_doubt(
    fault: Fault,
    uncertain: bool,
) -> None:
    """It is looked up next; if that is refused, too, it is revoked once more."""
    context = at()
    entry = replace(FAILED, uncertain=uncertain, revoke_at=NOW)
    key = published(retired=(OVERLAP, entry))
    wait = 40 * context.chance.draw("billing", "revoke")
    assert wait > 5
    later = replace(entry, failures=3, revoke_at=NOW + wait, uncertain=not uncertain)
    trouble = Trouble(Operation.REVOKE_LEASE, fault, NOW)
    after = revocation.on_failed(key, lease(5).id, fault, context)
    assert after == replace(key, retired=(OVERLAP, later), trouble=trouble)
    ((event, fields),) = told(context)
    names = {"key": "billing", "lease_id": lease(5).id, "api_key_id": "key_5"}
    said = {"fault": fault.kind.value, "message": fault.message, "retry_in": round(wait, 1)}
    assert (event, fields) == ("lease.revocation_failed", names | said)


def test_a_revocation_that_fails_elsewhere_leaves_no_doubt() -> None:
    """There is no end of a key before which it would have to be tried again."""
    context = at()
    key = published(retired=(replace(FAILED, failures=5),))
    (entry,) = revocation.on_failed(key, lease(5).id, AWAY, context).retired
    wait = 32 * context.chance.draw("billing", "revoke")
    assert wait > 1
    assert entry == replace(FAILED, failures=6, revoke_at=NOW + wait)


def test_a_failed_revocation_hides_no_other_fault() -> None:
    for operation, expected in ((Operation.MINT, FORBIDDEN), (Operation.REVOKE_LEASE, AWAY)):
        key = published(retired=(FAILED,), trouble=Trouble(operation, FORBIDDEN, NOW - 9))
        trouble = revocation.on_failed(key, lease(5).id, AWAY, at()).trouble
        assert trouble is not None
        assert trouble.fault == expected


def test_a_failure_about_an_unknown_lease_changes_nothing() -> None:
    context = at()
    key = published(retired=(FAILED,))
    assert revocation.on_failed(key, lease(9).id, AWAY, context) == key
    assert not context.actions
