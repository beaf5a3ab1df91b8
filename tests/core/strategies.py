"""Generated worlds: policies, terms, and scripts of what goes wrong, for half an hour."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

from freshkey.core.model.actions import (
    Exchange,
    Issue,
    LogIn,
    LookUp,
    LookUpToken,
    Order,
    Ping,
    Refresh,
    Renew,
    RenewToken,
    Revoke,
    RevokeToken,
)
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.events import (
    ClockJumped,
    CredentialChanged,
    FilesChanged,
    RotateRequested,
)
from freshkey.core.model.faults import Fault, FaultKind
from freshkey.core.model.grants import TokenKind
from freshkey.core.model.policy import AgentPolicy, KeyPolicy, Subject, VerifyMode
from freshkey.core.model.struct import replace
from freshkey.core.model.verdict import Verdict
from hypothesis import strategies as st

from tests.core.incidents import Incident, Switch
from tests.core.scripts import LIMITED, LOST, THROTTLED, ForcedVerdict, Rule
from tests.core.vault import Vault
from tests.core.world import World

START = 1000.0
FAULTY = 1800.0  # seconds for which things may go wrong

CALLS: tuple[type[Order], ...] = (
    *(Issue, Refresh, Exchange, Renew, LookUp, Revoke),
    *(LogIn, RenewToken, LookUpToken, RevokeToken),
)
FAULTS = (
    *(Fault(kind, "it failed") for kind in FaultKind if kind is not FaultKind.OUTPUT),
    *(LIMITED, LOST, THROTTLED),
)


@dataclass(frozen=True)
class Script:
    policy: AgentPolicy
    terms: dict[str, Any]  # of Vault
    rules: tuple[Rule, ...]
    forced_verdicts: tuple[ForcedVerdict, ...]
    incidents: tuple[Incident, ...]
    seed: int
    static_count: int = 0  # how many of the keys have no lease
    pace: float = 0.0  # see World
    federated_count: int = 0  # how many of them, from the last one on, are exchanged
    subject: Subject = Subject.VAULT

    def world(self) -> World:
        all_names = list(self.policy.keys)
        federated = all_names[max(0, len(all_names) - self.federated_count) :]
        static = [name for name in all_names[: self.static_count] if name not in federated]
        vault = Vault(**self.terms, static_keys={name: f"sk-{name}" for name in static})
        keys = {
            name: replace(key, subject=self.subject) if name in federated else key
            for name, key in self.policy.keys.items()
        }
        return World(
            replace(self.policy, keys=keys),
            vault,
            self.rules,
            self.forced_verdicts,
            now=START,
            seed=self.seed,
            pace=self.pace,
        )


def names(count: int) -> tuple[str, ...]:
    return tuple(f"key-{number}" for number in range(count))


def alike(count: int, budget: int, policy: KeyPolicy) -> AgentPolicy:
    return AgentPolicy(dict.fromkeys(names(count), policy), budget)


policies = st.builds(
    alike,
    st.integers(1, 4),
    st.sampled_from([6, 2, 0]),
    st.builds(
        KeyPolicy,
        overlap=st.sampled_from([300.0, 30.0, 0.0]),
        check_every=st.sampled_from([60.0, 0.0]),
        probe_every=st.sampled_from([300.0, 0.0]),
        max_stale=st.sampled_from([43_200.0, 60.0, 0.0]),
        verify=st.sampled_from(VerifyMode),
        activation_timeout=st.sampled_from([30.0, 5.0]),
    ),
)

terms = st.fixed_dictionaries(
    {
        "lease_ttl": st.sampled_from([3600.0, 600.0, 60.0, 20.0]),
        "lease_max": st.sampled_from([inf, 5000.0]),
        "renewable": st.booleans(),
        "token_ttl": st.sampled_from([inf, 3600.0, 300.0, 60.0]),
        "token_max": st.sampled_from([inf, 7200.0, 120.0]),
        "token_kind": st.sampled_from([TokenKind.SERVICE, TokenKind.SERVICE, TokenKind.BATCH]),
        "token_renewable": st.booleans(),
        "activation": st.sampled_from([0.0, 2.0]),
        "exchange_ttl": st.sampled_from([3600.0, 600.0, 20.0]),
    }
)

instants = st.floats(START, START + FAULTY)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    start = draw(instants)
    fault = draw(st.sampled_from([*FAULTS, None]))
    if draw(st.booleans()):
        orders: tuple[type[Order], ...] = (draw(st.sampled_from([*CALLS, Probe])),)
    else:
        orders = draw(st.sampled_from([(*CALLS, Ping), CALLS, (Issue, LogIn), (Revoke, LookUp)]))
    if RevokeToken in orders and fault is not None and fault.kind is FaultKind.TOKEN_INVALID:
        fault = None  # no Vault says so of a token that lives
    return Rule(
        orders,
        fault,
        start,
        min(start + draw(st.sampled_from([2.0, 30.0, 300.0, FAULTY])), START + FAULTY),
        latency=draw(st.sampled_from([0.01, 1.0, 10.0, 65.0])),
        acts=fault is LOST and draw(st.booleans()),
    )


@st.composite
def forced_verdicts(draw: st.DrawFn) -> ForcedVerdict:
    start = draw(instants)
    end = min(start + draw(st.sampled_from([3.0, 60.0, 600.0])), START + FAULTY)
    return ForcedVerdict(draw(st.sampled_from(Verdict)), start, end)


incidents = st.builds(
    Incident,
    instants,
    st.one_of(
        st.sampled_from(["end_everything", "end_one", "disk_full", "disk_free", "report", "leap"]),
        st.sampled_from(["put", "delete", "refuse"]),
        st.builds(RotateRequested, st.sampled_from(names(4)), st.booleans(), st.booleans()),
        st.sampled_from([ClockJumped(), CredentialChanged()]),
        st.builds(FilesChanged, st.sampled_from(names(4))),
        st.builds(Switch, st.sampled_from(names(4)), st.sampled_from(["mint", "kept", *Subject])),
    ),
)


def feasible(script: Script) -> bool:
    """Whether it can settle: the budget suffices for leases and tokens as short as these."""
    terms, budget = script.terms, script.policy.max_mints_per_minute
    if terms["activation"] and any(
        key.verify is VerifyMode.OFF for key in script.policy.keys.values()
    ):
        return False  # a key that nobody tests is not good at once
    life = min(terms["lease_ttl"], terms["token_ttl"], terms["token_max"])
    return not budget or len(script.policy.keys) * 60 / (life / 2) <= budget / 2


scripts = st.builds(
    Script,
    policies,
    terms,
    st.lists(rules(), max_size=6).map(tuple),
    st.lists(forced_verdicts(), max_size=3).map(tuple),
    st.lists(incidents, max_size=6).map(lambda all_: tuple(sorted(all_, key=lambda i: i.at))),
    st.integers(1, 1000),
    st.sampled_from([0, 1, 4]),
    st.sampled_from([0.0, 0.02, 0.5]),
    st.sampled_from([0, 0, 1, 4]),
    st.sampled_from(Subject),
).filter(feasible)
