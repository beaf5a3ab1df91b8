"""A published key, and a lease in the middle of its life, for tests of one function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freshkey.core.model.secret import Secret
from freshkey.core.model.state import Credential, Idle, KeyState, Lease, Names, Reason, Testing
from freshkey.core.model.struct import replace
from freshkey.core.model.token import Tokens

from tests.core.contexts import NOW, token

if TYPE_CHECKING:
    from freshkey.core.model.verdict import Verdict

# A token that outlives every lease here, and what an agent has under it.
TOKEN = replace(token(), started_at=NOW - 1000, expires_at=NOW + 9000)
UNDER = Tokens(TOKEN)


def lease(number: int = 3, **changes: Any) -> Lease:  # noqa: ANN401 - Lease's
    """One of 100 s, of which 60 are over."""
    held = Lease(
        *(f"openai/creds/billing/{number}", 1, 100.0),
        renewable=True,
        started_at=NOW - 60,
        expires_at=NOW + 40,
        draw=0.5,
        names=Names(f"{number}-0f2c10bf", f"key_{number}", f"svc-{number}"),
    )
    return replace(held, **changes)


def published(held: Lease | None = None, **changes: Any) -> KeyState:  # noqa: ANN401 - KeyState's
    """A key whose third generation is out."""
    key = KeyState(
        "billing",
        generation=3,
        announced=3,
        current=Credential(held or lease(), Secret("sk-3")),
        cycle=Idle(),
    )
    return replace(key, **changes)


MINTED = Credential(
    lease(4, renewable=False, started_at=NOW - 1, expires_at=NOW + 3599, term=3600.0),
    Secret("sk-4"),
)


def trying(
    since: float = NOW,
    *,
    held: Lease = MINTED.lease,
    attempts: int = 0,
    verdict: Verdict | None = None,
    retry_at: float = NOW,
) -> Testing:
    """A new key, due since a while, whose test was not answered yet, or with a verdict."""
    testing = Testing(
        Reason.DUE, Credential(held, MINTED.secret), since, retry_at, attempts, verdict
    )
    return testing if verdict is None else replace(testing, detail="it says")
