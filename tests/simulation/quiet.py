"""4. While nothing happens, the agent asks no more often than its configuration has it ask.

The bound of every minute (`calls_are_bounded`) leaves room for an agent in trouble, in which one
that renews, replaces, or looks up all the time would not be noticed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tests.simulation.broken import BrokenError
from tests.simulation.clocks import BOOT_AT
from tests.simulation.configuration import EDITED_TTL, REFRESH
from tests.simulation.histories import ADDED, Edit
from tests.simulation.network import CREDS
from tests.simulation.windows import clusters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.run import Outcome

_AFTER: Final = 120.0  # seconds in which the agent gets over something
_LONG: Final = 60.0  # seconds: what is shorter tells nothing
_REVOKE: Final = "/v1/sys/leases/revoke/"
_OF_TOKENS: Final = ("login", "lookup-self", "renew-self", "revoke-self")
_CHECKED: Final = 0.8  # of `check_every`, at least: the time of a check is drawn
_READ: Final = 0.9  # of `refresh`, likewise
_MINTED: Final = 8  # tests of a new key that works after some seconds


class Allowed(NamedTuple):
    """How many requests of a kind there may be: so many, and so many more in each second."""

    some: float
    more: float = 0.0


def calls_at_rest_are_few(outcome: Outcome) -> None:
    """Look at each kind of request in each quiet time."""
    times = [at - BOOT_AT for at, _, _ in outcome.world.requests]
    kinds = [_kind(path) for _, path, _ in outcome.world.requests]
    for began, ended in _quiet(outcome):
        within = [kind for at, kind in zip(times, kinds, strict=True) if began <= at < ended]
        minted = within.count("mints")
        for kind, allowed in _allowed(outcome, minted, ended).items():
            most = allowed.some + allowed.more * (ended - began)
            if (count := within.count(kind)) > most:
                what = f"{count} {kind} while nothing happens from {began:.3f} to {ended:.3f}"
                raise BrokenError(4, f"{what}, and {most:.1f} are enough")


def _quiet(outcome: Outcome) -> Iterator[tuple[float, float]]:
    """List the times in which nothing happens, nor has lately."""
    world, downs = outcome.world, outcome.lives.downs
    loud = [(0.0, _AFTER)]
    loud += [(one.at, one.at + one.seconds + _AFTER) for one in world.past]
    loud += [(one.began, one.ended + _AFTER) for one in downs]
    loud += [(at, at + _AFTER) for at in world.reloads]
    loud += [(one.began, one.recovered + _AFTER) for one in clusters(world.as_it_was, downs)]
    at = 0.0
    for began, ended in sorted([*loud, (world.history.seconds, world.history.seconds)]):
        if began - at >= _LONG:
            yield at, began
        at = max(at, ended)


def _kind(path: str) -> str:
    """Say what a request is for."""
    if path.startswith(CREDS):
        return "mints"
    if path.startswith(_REVOKE):
        return "revocations of leases"
    last = path.rpartition("/")[2]
    match last:
        case "lookup":
            return "lookups of leases"
        case "renew":
            return "renewals of leases"
        case "models":
            return "tests"
        case _ if last in _OF_TOKENS:
            return f"{last} of tokens"
        case "health" | "leader":
            return "pings"
        case _:
            return "reads" if "/kv/" in path else "exchanges"


def _allowed(outcome: Outcome, minted: int, ended: float) -> dict[str, Allowed]:
    history = outcome.world.history
    plans = [*history.keys, ADDED]  # an edit may add a key
    count, token = len(plans), min(history.token_ttl, history.token_max)
    longest_life = min(token, EDITED_TTL) if _is_shortened(outcome, ended) else token
    # Of a lease no half is given up.
    halves = sum(2 / min(plan.ttl, longest_life) for plan in plans)
    probes = [1 / plan.probe_every for plan in plans if plan.probe_every]
    replaced = halves + count * 2 / token  # with the token that they end with, too
    checks = [1 / (_CHECKED * plan.check_every) for plan in plans if plan.check_every]
    reads = [1 / (_READ * REFRESH) for plan in plans if plan.static]
    allowed = {
        "mints": Allowed(count, replaced),
        "renewals of leases": Allowed(count, halves),
        "revocations of leases": Allowed(2 * count, replaced),
        "lookups of leases": Allowed(count, sum(checks)),
        "reads": Allowed(count, sum(reads)),
        "pings": Allowed(2),
    }
    if not any(plan.federated for plan in plans):  # nobody renews their identity: they get stale
        allowed["tests"] = Allowed(count + _MINTED * minted, sum(probes))
    for call in _OF_TOKENS:
        allowed[f"{call} of tokens"] = Allowed(2, 2 / token)
    return allowed


def _is_shortened(outcome: Outcome, ended: float) -> bool:
    """Whether an edit before that gave all leases another length."""
    edits = outcome.lives.file.edits
    return any(one.edit is Edit.CHANGE_TTL and one.at < ended for one in edits)
