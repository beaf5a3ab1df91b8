"""Draws histories: what shrinks well is small, early, and seldom."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from tests.simulation.bounds import longest_lease
from tests.simulation.histories import WINDOWS, History, Incident, KeyPlan, Kind

_CALM = 180  # seconds after the last incident
_LATE = 420  # seconds from an incident to the next agent: a wait of 300 s, the stop, 100 s down
_SHORT = (Kind.DISK_FULL, Kind.VAULT_LOST, Kind.VAULT_GARBLED, Kind.DELETION_REFUSED)


@st.composite
def key_plans(draw: Any) -> KeyPlan:  # noqa: ANN401 - Hypothesis's
    ttl = draw(st.sampled_from([240, 120, 600, 1200]))
    return KeyPlan(
        ttl=ttl,
        renewable=draw(st.booleans()),
        static=draw(st.sampled_from([False] * 7 + [True])),
        federated=draw(st.sampled_from([False] * 7 + [True])),
        by_vault=draw(st.booleans()),
        verify=draw(st.sampled_from(["prefer", "require", "off"])),
        overlap=draw(st.sampled_from([60, 10, 300])),
        check_every=draw(st.sampled_from([60, 20, 0])),
        probe_every=draw(st.sampled_from([120, 60, 0])),
        max_stale=draw(st.sampled_from([43200, 60, 0])),
        on_stop=draw(st.sampled_from(["keep", "keep", "revoke"])),
        in_file=draw(st.sampled_from([True, True, True, False])),
        format=draw(st.sampled_from(["raw", "raw", "env", "json", "template"])),
        credential=draw(st.booleans()),
        hooks=draw(st.sampled_from([(), (), ("rotate",), ("first", "both", "rotate")])),
    )


_NUMBERS = {
    Kind.FORBIDDEN: st.integers(0, 3),
    Kind.VAULT_THROTTLED: st.sampled_from([1, 5, 30]),
    Kind.VAULT_SLOW: st.integers(1, 8),
    Kind.NODE_DOWN: st.integers(0, 2),
    Kind.HOOK_FAILING: st.integers(0, 2),
    Kind.OPENAI_SLOW: st.sampled_from([1, 4, 9, 12]),
    Kind.EXCHANGE_REFUSED: st.integers(0, 3),
    Kind.SLOW_ACTIVATION: st.sampled_from([2, 10, 25, 60]),
    Kind.KILLED: st.integers(0, 60),
    Kind.RESTARTED: st.integers(0, 60),
    Kind.WALL_JUMPED: st.sampled_from([3600, -3600, 4, 90000]),
    Kind.RELOADED: st.integers(0, 4),
    Kind.ROTATED: st.integers(0, 2),
}


@st.composite
def incidents(draw: Any, body: int, kinds: tuple[Kind, ...]) -> Incident:  # noqa: ANN401 - Hypothesis's
    kind = draw(st.sampled_from(kinds))
    at = draw(st.integers(0, body))
    if kind in WINDOWS:
        seconds = draw(st.sampled_from([5, 1, 20, 60, 150] if kind in _SHORT else [5, 20, 60, 400]))
    elif kind in {Kind.KILLED, Kind.RESTARTED}:
        seconds = draw(st.sampled_from([1, 0, 10, 100]))
    elif kind is Kind.SUSPENDED:
        seconds = draw(st.sampled_from([10, 100, 1000, 20000]))
    else:
        seconds = 0
    number = draw(_NUMBERS.get(kind, st.just(0)))
    return Incident(kind, float(at), float(seconds), number, draw(st.integers(0, 2)))


@st.composite
def histories(draw: Any, kinds: tuple[Kind, ...] = tuple(Kind)) -> History:  # noqa: ANN401 - Hypothesis's
    keys = tuple(draw(st.lists(key_plans(), min_size=1, max_size=3)))
    body = draw(st.sampled_from([300, 300, 600, 900]))
    happened = tuple(draw(st.lists(incidents(body, kinds), max_size=6)))
    last = max((one.at + one.seconds for one in happened), default=0.0)
    token_ttl = draw(st.sampled_from([3600, 900, 400]))
    is_long = draw(st.sampled_from([False] * 15 + [True]))  # see last_journal.py
    history = History(
        keys=keys,
        token_ttl=token_ttl,
        token_max=token_ttl * draw(st.sampled_from([20, 2, 1])),
        batch=draw(st.sampled_from([False, False, False, True])),
        nodes=3 if any(one.kind is Kind.NODE_DOWN for one in happened) else 1,
        budget=draw(st.sampled_from([6, 3, 0])),
        latency=draw(st.sampled_from([0.05, 0.001, 0.5])),
        activation=draw(st.sampled_from([0, 0, 1, 5])),
        reports=draw(st.booleans()),
        seed=draw(st.integers(0, 1 << 20)),
        seconds=max(float(body), last) + _CALM,
        incidents=happened,
    )
    longer = 2 * longest_lease(history) + _LATE if is_long else 0
    return replace(history, seconds=history.seconds + longer)
