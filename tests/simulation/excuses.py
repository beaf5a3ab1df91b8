"""When a reader may be without a working key, and for how long: the rest is a broken promise.

Each bound follows from the contract and from the options of the history.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

from freshkey.core.pacing.backoff import TO_SPARE

from tests.simulation.bounds import (
    ACTIVATION_TIMEOUT,
    full_disks_within,
    notice,
    replacement,
    room_at,
    slack,
    slowest_activation,
    written_by,
)
from tests.simulation.histories import ADDED, NAMES, History, Incident, KeyPlan, Kind, key_name
from tests.simulation.windows import SHORTENED, SLOW, Window, clusters, extended

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.simulation.agent import Down
    from tests.simulation.readers import Gap

_SLACK: Final = 1e-6  # seconds
_NOT_THERE: Final = frozenset({Kind.KILLED, Kind.SUSPENDED})  # no agent writes a file meanwhile
_LOOK: Final = 2.5  # until a change of a file is seen
_WHOLE: Final = 0.95  # of its role's time: what a lease has that nothing makes shorter
_LAST_TRIES: Final = 10.0  # what is tried slowly is tried once more before a key ends, if not later

_UNJUDGED: Final = (
    *(Kind.OPENAI_REFUSED, Kind.OPENAI_UNAVAILABLE),
    *(Kind.OPENAI_SLOW, Kind.OPENAI_LOST, Kind.OPENAI_GARBLED),
)
_BY_ITSELF: Final = frozenset({"expiry", "missing"})
_OUTSIDE: Final = frozenset({"expiry", "missing", "outside"})
_LATE_FILE: Final = _OUTSIDE | {"overtaken"}
_ANY: Final = _LATE_FILE | {"agent"}
_OLDER: Final = _OUTSIDE | {"taken"}  # a full disk kept an older key, which is withdrawn, too
_TAKEN: Final = _ANY | {"taken"}  # what is to end a key that lives


class Excuse(NamedTuple):
    """From when to when, for which causes, and, if not for all, for which way and key.

    A gap may have begun by `begun_by`, or else is excused for no more than `most` seconds. Its key
    was to live for no more than `lasted` seconds.
    """

    began: float
    ended: float
    causes: frozenset[str]
    way: str = ""
    name: str = ""
    begun_by: float = inf
    most: float = inf
    lasted: float = inf

    def covers(self, gap: Gap) -> bool:
        """Whether it holds for a gap at all."""
        door = gap.door
        ways = self.way in {"", door.way} and self.name in {"", door.name}
        times = gap.since <= self.begun_by or gap.ended - gap.since <= self.most
        return ways and times and gap.cause in self.causes and gap.lasted <= self.lasted


def excuses(
    history: History, downs: list[Down], busy: Iterable[tuple[float, float]]
) -> Iterator[Excuse]:
    """List them; `downs` are the times without an agent, `busy` those without room for a mint."""
    windows = clusters(history, downs)
    yield from _of_windows(history, downs)
    in_files = _OLDER if _has_full_disk(history) else _OUTSIDE
    full = [*busy]
    for way, causes in (("socket", _OUTSIDE), ("file", in_files)):
        yield from (Excuse(began, ended, causes, way=way) for began, ended in full)
    for index, plan in enumerate(history.keys):
        if plan.on_stop == "revoke":  # taken at the stop, and not given again before there is room
            yield from (Excuse(*one, _OLDER, name=key_name(index)) for one in full)
    for incident in history.incidents:
        yield from _of_incident(history, incident, windows)
    for down in downs:
        yield from _of_down(history, down, windows)
    for index, plan in enumerate(history.keys):
        if plan.verify == "off":
            yield Excuse(0.0, inf, frozenset({"inactive"}), name=key_name(index))


def _of_down(history: History, down: Down, windows: list[Window]) -> Iterator[Excuse]:
    began, ended, stopped_at = down
    once = replacement(history)
    if any(full_disks_within(history, began, began)):  # the journal lacks what it had
        yield Excuse(began, extended(windows, began, ended, once), _OLDER, way="socket")
    if stopped_at is None:  # a kill revokes nothing
        return
    until = extended(windows, stopped_at, ended, once)
    written = written_by(history, stopped_at, until)
    for index, plan in enumerate(history.keys):
        if plan.on_stop == "revoke":
            name = key_name(index)
            yield Excuse(stopped_at, until, _TAKEN, name=name)
            yield Excuse(stopped_at, written, _TAKEN, way="file", name=name)


def _of_windows(history: History, downs: list[Down]) -> Iterator[Excuse]:
    """List those of each key, by what its source does."""
    for index, plan in (*enumerate(history.keys), (len(NAMES) - 1, ADDED)):  # an edit may add a key
        for window in clusters(history, downs, plan):
            for excuse in _of_window(history, plan, window):
                yield excuse._replace(name=key_name(index))


def _of_window(history: History, plan: KeyPlan, window: Window) -> Iterator[Excuse]:
    if window.kinds <= SLOW:
        yield from _of_slow_waits(history, plan, window)
    elif window.kinds <= SHORTENED:
        for outage in _of_outage(history, plan, window):
            yield _before_an_end(history, window, outage)
    else:
        yield from _of_outage(history, plan, window)


def _of_outage(history: History, plan: KeyPlan, window: Window) -> Iterator[Excuse]:
    """What is shorter than the time from a key's point to its end excuses nothing.

    A lease that began late in the life of a token that is not renewed, or that an edit of the
    configuration made shorter, has less time.
    """
    outage = Excuse(window.began, window.recovered, _BY_ITSELF)
    yield outage._replace(lasted=_WHOLE * plan.ttl)
    if window.recovered - window.began >= slack(plan) - replacement(history):
        yield outage


def _of_slow_waits(history: History, plan: KeyPlan, window: Window) -> Iterator[Excuse]:
    waits = Excuse(window.began, window.recovered, _BY_ITSELF)
    shorter = _before_an_end(history, window, waits)
    yield shorter
    # A renewal whose answer was lost lets a key outlive the end that is known.
    if plan.renewable and Kind.VAULT_GARBLED in window.kinds:
        stale = min(plan.max_stale, plan.ttl)
        yield shorter._replace(begun_by=shorter.begun_by + stale)


def _before_an_end(history: History, window: Window, waits: Excuse) -> Excuse:
    """Waits are shortened for a key that is good as they begin, which a stale one is not."""
    begun_by = window.ended + _LAST_TRIES + 4 * history.latency
    once = replacement(history)
    return waits._replace(begun_by=begun_by, most=once if once > TO_SPARE else 0.0)


def _of_incident(history: History, incident: Incident, windows: list[Window]) -> Iterator[Excuse]:
    at, once = incident.at, replacement(history)
    name = key_name(incident.key % len(history.keys))
    plan = history.keys[incident.key % len(history.keys)]
    match incident.kind:
        case Kind.OPENAI_REFUSES_ALL:
            yield Excuse(at, at + incident.seconds, frozenset({"refused", "taken"}))
        case _ if incident.kind in _UNJUDGED:  # published untested
            until = at + incident.seconds + ACTIVATION_TIMEOUT + slowest_activation(history)
            yield Excuse(at, until, frozenset({"inactive"}))
        case Kind.DISK_FULL:
            yield Excuse(at, room_at(incident) + once, _LATE_FILE, way="file")
        case Kind.FILE_REMOVED | Kind.FILE_OVERWRITTEN:
            until = extended(windows, at, at, _LOOK)
            until = written_by(history, at, until)
            yield Excuse(at, until, frozenset({"missing", "taken"}), way="file", name=name)
        case Kind.LEASE_REVOKED | Kind.KEY_DELETED:
            until = extended(windows, at, at, notice(history, plan, incident) + once)
            yield Excuse(at, until, _OUTSIDE, name=name)
            if _has_full_disk(history):
                yield Excuse(at, until, _OLDER, way="file", name=name)
        case Kind.TOKEN_REVOKED:
            # Whoever finds it out first has all leases of that token replaced.
            found = [notice(history, one, incident) for one in history.keys if not one.federated]
            # A key that an edit has added, if there is no other.
            first = min(found, default=notice(history, ADDED, incident))
            yield Excuse(at, extended(windows, at, at, first + 2 * once), _OUTSIDE)
        case Kind.ROTATED if incident.number % 3 > 0:
            yield from _of_compromise(history, incident, windows)
        case _:
            pass


def _has_full_disk(history: History) -> bool:
    return any(one.kind is Kind.DISK_FULL for one in history.incidents)


def _of_compromise(history: History, rotated: Incident, windows: list[Window]) -> Iterator[Excuse]:
    place = rotated.key % len(history.keys)
    name, plan, at = key_name(place), history.keys[place], rotated.at
    until = extended(windows, at, at, replacement(history) + 1.0)
    absences = [one for one in windows if one.kinds & _NOT_THERE]
    for full in full_disks_within(history, at, until):  # what is compromised waits for no file
        written = extended(absences, at, room_at(full), replacement(history))
        yield Excuse(max(at, full.at), written, _ANY, way="file", name=name)
    is_withdrawn = rotated.number % 3 > 1
    if is_withdrawn and plan.static:  # Vault goes on to hold it, and it must not come back
        until = inf
    causes = _TAKEN if is_withdrawn else frozenset({"overtaken"})
    yield Excuse(at, until, causes, name=name)
    yield Excuse(at, written_by(history, at, until), causes, way="file", name=name)


def uncovered(gap: Gap, found: Iterable[Excuse]) -> tuple[float, float] | None:
    """Return the first part of a gap that nothing excuses."""
    found = [excuse for excuse in found if excuse.covers(gap)]
    if gap.ended - gap.began < _SLACK:  # a file that is removed before it is written anew
        is_excused = any(one.began - _SLACK <= gap.began <= one.ended + _SLACK for one in found)
        return None if is_excused or gap.door.way == "socket" else (gap.began, gap.ended)
    at = gap.began
    for excuse in sorted(found):
        if excuse.began > at + _SLACK:
            break
        at = max(at, excuse.ended)
    return None if at >= gap.ended - _SLACK else (at, gap.ended)
