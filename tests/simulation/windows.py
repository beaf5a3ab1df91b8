"""When something around the agent does not answer, and when all is well again after it.

After a fault comes the recovery: the longest backoff that its kind may have come to, and then one
replacement. Faults that follow closely on one another are one window, because failures add up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tests.simulation.bounds import ACTIVATION_TIMEOUT, FORBIDDEN_CAP, replacement
from tests.simulation.histories import WINDOWS, History, KeyPlan, Kind
from tests.simulation.nodes import all_down, lost_calls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.simulation.agent import Down

_FOUND: Final = 5.0  # Vault's return, by a cheap request (behaviour 7)
_REPEATED: Final = 12.0  # what failed because Vault was away: three seconds, doubled twice
_BACKOFF: Final = 60.0  # the cap of most faults
_LIMITED: Final = 600.0  # the cap of OpenAI's limit for a stale key
_REFUSED: Final = 900.0  # the cap of the wait after a fresh key was refused
_NAP: Final = 30.0  # until a machine that was suspended has noticed (behaviour 9)

SLOW: Final = frozenset({Kind.FORBIDDEN, Kind.VAULT_GARBLED})
"""What is answered with long waits, which leave one more try before a key ends."""

SHORTENED: Final = SLOW | {Kind.VAULT_FAILING, Kind.VAULT_GATEWAY, Kind.UPSTREAM_FAILING}
"""What is answered with waits that do so, long or not."""

_SUDDEN: Final = (Kind.VAULT_REFUSED, Kind.VAULT_FROZEN, Kind.VAULT_SEALED)
_OF_THE_ENGINE: Final = (Kind.UPSTREAM_LIMITED, Kind.UPSTREAM_FAILING)
_OF_TESTS: Final = (
    *(Kind.OPENAI_REFUSED, Kind.OPENAI_UNAVAILABLE, Kind.OPENAI_SLOW, Kind.OPENAI_LOST),
    *(Kind.OPENAI_GARBLED, Kind.SLOW_ACTIVATION, Kind.OPENAI_REFUSES_ALL),
)
_NO_OUTAGE: Final = frozenset(
    {
        *(Kind.DELETION_REFUSED, Kind.OPENAI_LIMITED, Kind.DISK_FULL),
        *(Kind.HOOK_FAILING, Kind.NODE_DOWN, Kind.OPENAI_FORBIDS),
    }
)


class Window(NamedTuple):
    """A time in which something does not answer, and until when all is well again."""

    began: float
    ended: float
    recovered: float
    kinds: frozenset[Kind]


def clusters(history: History, downs: Iterable[Down], plan: KeyPlan | None = None) -> list[Window]:
    """Return all that keeps the agent from replacing a key, what is close together as one.

    With a `plan`, of that key alone.
    """
    plans = history.keys if plan is None else (plan,)
    faults: list[tuple[float, float, Kind, int]] = [
        (one.at, one.at + one.seconds, one.kind, one.number)
        for one in history.incidents
        if one.kind in WINDOWS or one.kind is Kind.SUSPENDED
    ]
    downs = list(downs)
    faults += [(began, ended, Kind.KILLED, 0) for began, ended, _ in downs]
    of_nodes = [*all_down(history), *lost_calls(history, downs)]
    faults += [(began, ended, Kind.VAULT_FROZEN, 0) for began, ended in of_nodes]
    found: list[Window] = []
    kinds: set[tuple[Kind, int]] = set()
    for began, ended, kind, number in sorted(faults):
        if kind in _NO_OUTAGE or not any(_stops(one, kind, number) for one in plans):
            continue
        if found and began <= found[-1].recovered:
            first, last = found[-1].began, max(ended, found.pop().ended)
        else:
            first, last = began, ended
            kinds = set()
        kinds.add((kind, number))
        longest = max(_recovery(one, last - first, amount) for one, amount in kinds)
        recovered = last + longest + replacement(history)
        found.append(Window(first, last, recovered, frozenset(one for one, _ in kinds)))
    return found


def _stops(plan: KeyPlan, kind: Kind, number: int) -> bool:
    """Whether a key can't be replaced in an incident of this kind, with this number."""
    match kind:
        case Kind.FORBIDDEN:
            is_by_vault = plan.federated and plan.by_vault
            return (number == 0 and not plan.federated) or (number == 3 and is_by_vault)
        case Kind.EXCHANGE_REFUSED:
            return plan.federated
        case _ if kind in _OF_THE_ENGINE:
            return not (plan.federated or plan.static)
        case _ if kind in _OF_TESTS:
            return plan.federated or plan.verify != "off"
        case _:
            return True


def _recovery(kind: Kind, seconds: float, number: int) -> float:
    """Return the longest wait that faults of a kind, for so many seconds, may have come to."""
    match kind:
        case Kind.KILLED:
            return 0.0
        case Kind.SUSPENDED:
            return _NAP
        case _ if kind in _SUDDEN:
            return _FOUND + _REPEATED
        case Kind.VAULT_SLOW:
            return _BACKOFF + 5.0 * number
        case Kind.VAULT_THROTTLED:
            return _BACKOFF + number
        case Kind.OPENAI_SLOW:
            return _BACKOFF + 5.0 * number
        case Kind.FORBIDDEN | Kind.VAULT_GARBLED | Kind.OPENAI_GARBLED | Kind.EXCHANGE_REFUSED:
            return FORBIDDEN_CAP
        case Kind.UPSTREAM_LIMITED:
            return min(_LIMITED, 20.0 * 2 ** (seconds / 60 + 2))
        case Kind.OPENAI_REFUSES_ALL | Kind.SLOW_ACTIVATION:
            return min(_REFUSED, 60.0 * 2 ** (seconds / 90 + 1)) + ACTIVATION_TIMEOUT + number
        case _:
            return _BACKOFF


def answering(history: History, began: float, ended: float) -> Iterator[tuple[float, float]]:
    """List the parts of a time in which Vault and OpenAI answer as they should."""
    away = [
        (one.at, one.at + one.seconds)
        for one in history.incidents
        if one.kind in WINDOWS - _NO_OUTAGE
    ]
    at = began
    for first, last in sorted([*away, *all_down(history)]):
        if at < min(first, ended):
            yield at, min(first, ended)
        at = max(at, last)
    if at < ended:
        yield at, ended


def extended(windows: list[Window], began: float, known: float, seconds: float) -> float:
    """Return the end of something that takes `seconds` from `known` on, and waits for windows."""
    ended = known + seconds
    for window in windows:
        if window.began <= ended and window.recovered > began:
            ended = max(ended, window.recovered + seconds)
    return ended
