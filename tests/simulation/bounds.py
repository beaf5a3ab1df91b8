"""How long the contract lets some things take, in seconds, by the options of a history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.simulation.configuration import REFRESH
from tests.simulation.histories import ADDED, Kind
from tests.simulation.polls import POLL_EVERY
from tests.simulation.world import FILE_BACKOFF

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.histories import History, Incident, KeyPlan

ACTIVATION_TIMEOUT: Final = 30.0  # until a new key that is refused counts as bad
FORBIDDEN_CAP: Final = 300.0  # of the wait for what only a person can mend
LOOKUPS: Final = 2  # the `number` of a FORBIDDEN that forbids them
_MARGIN: Final = 5.0
_SECOND_LOOK: Final = 1.5  # between two refusals
_REPORT_PAUSE: Final = 5.0


def replacement(history: History) -> float:
    """Return the seconds that one replacement takes: login, mint, and the test of the new key."""
    return 20 * history.latency + 3 * history.activation + 2.0


def slack(plan: KeyPlan) -> float:
    """Return the seconds from the latest point where a key is replaced to the end of its lease."""
    return min(max(plan.ttl * 0.33, plan.overlap + ACTIVATION_TIMEOUT + _MARGIN), plan.ttl / 2)


def longest_lease(history: History) -> int:
    """Return the seconds that a lease lives at most, if nobody renews it."""
    return max(ADDED.ttl, *(plan.ttl for plan in history.keys))  # an edit may add a key


def slowest_activation(history: History) -> float:
    slow = (float(one.number) for one in history.incidents if one.kind is Kind.SLOW_ACTIVATION)
    return max((history.activation, *slow))


def written_by(history: History, since: float, until: float) -> float:
    """Return when a file is written that was to be by `until`, past each full disk on the way."""
    for one in sorted(_full_disks(history), key=lambda one: one.at):
        if one.at <= until and since <= room_at(one):
            until = max(until, room_at(one))
    return until


def full_disks_within(history: History, since: float, until: float) -> Iterator[Incident]:
    """List the full disks that may keep a file from being written at some time between the two."""
    return (one for one in _full_disks(history) if one.at <= until and since <= room_at(one))


def room_at(full: Incident) -> float:
    """Return when whoever waits has tried again after a full disk."""
    return full.at + full.seconds + FILE_BACKOFF


def _full_disks(history: History) -> Iterator[Incident]:
    return (one for one in history.incidents if one.kind is Kind.DISK_FULL)


def notice(history: History, plan: KeyPlan, incident: Incident) -> float:
    """Return how long it may take until the agent knows that a key was ended by an incident."""
    if plan.static and incident.kind is Kind.TOKEN_REVOKED:  # its key lives; the next read finds it
        return REFRESH + 2.0
    is_deleted = incident.kind is Kind.KEY_DELETED
    lasts = plan.static or (plan.renewable and is_deleted)  # its lease is renewed on
    bounds = [float(4 * plan.ttl if lasts else plan.ttl)]
    checked = 1.2 * plan.check_every + 1.0  # the replacement a second later, in its place
    if (
        plan.check_every
        and not is_deleted
        and not _is_kept_from_looking(history, incident, checked)
    ):
        bounds.append(checked)
    if plan.verify != "off":
        if plan.probe_every:
            bounds.append(plan.probe_every + _SECOND_LOOK)
        if history.reports:
            bounds.append(POLL_EVERY + _REPORT_PAUSE)
    elif history.reports and not is_deleted:
        bounds.append(POLL_EVERY + _REPORT_PAUSE)
    return min(bounds) + 2.0


def _is_kept_from_looking(history: History, incident: Incident, seconds: float) -> bool:
    """Whether the policy forbids lookups after an incident, or the wait after that lasts on."""
    return any(
        one.kind is Kind.FORBIDDEN
        and one.number == LOOKUPS
        and one.at <= incident.at + seconds
        and incident.at <= one.at + one.seconds + FORBIDDEN_CAP
        for one in history.incidents
    )
