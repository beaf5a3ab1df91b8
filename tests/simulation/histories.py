"""A history: how the agent is configured, and what befalls it. A value that travels as JSON."""

from __future__ import annotations

from enum import IntEnum, StrEnum

import msgspec


class Kind(StrEnum):
    """What can befall an agent. Those of `WINDOWS` last for their `seconds`."""

    VAULT_REFUSED = "vault_refused"  # nothing listens
    VAULT_FROZEN = "vault_frozen"  # takes connections, and answers nothing
    VAULT_SEALED = "vault_sealed"
    VAULT_FAILING = "vault_failing"  # 500 to everything
    VAULT_GATEWAY = "vault_gateway"  # a proxy's 502
    VAULT_THROTTLED = "vault_throttled"  # 429, with a Retry-After of `number` seconds
    NODE_DOWN = "node_down"  # one node of three refuses, hangs, or is sealed: `number` says which
    VAULT_SLOW = "vault_slow"  # each answer takes `number` seconds more
    VAULT_GARBLED = (
        "vault_garbled"  # does what is asked, and what comes back is none of its answers
    )
    VAULT_LOST = "vault_lost"  # does what is asked, and its answers are lost
    FORBIDDEN = "forbidden"  # the policy forbids paths: `number` says which
    UPSTREAM_LIMITED = "upstream_limited"  # OpenAI's 429 in a Vault 500
    UPSTREAM_FAILING = "upstream_failing"  # its 500
    DELETION_REFUSED = "deletion_refused"  # OpenAI refuses deletions
    OPENAI_REFUSED = "openai_refused"  # nothing listens there
    OPENAI_UNAVAILABLE = "openai_unavailable"  # 503 to tests
    OPENAI_LIMITED = "openai_limited"  # 429 to tests
    OPENAI_FORBIDS = "openai_forbids"  # 403 to tests, for want of a scope
    OPENAI_SLOW = "openai_slow"  # each answer to the agent takes `number` seconds more
    OPENAI_LOST = "openai_lost"  # does what the agent asks, and its answers are lost
    OPENAI_GARBLED = "openai_garbled"  # the same, and what comes back is none of its answers
    EXCHANGE_REFUSED = "exchange_refused"  # of identity tokens: `number` says how
    OPENAI_REFUSES_ALL = "openai_refuses_all"  # 401 for every key
    SLOW_ACTIVATION = "slow_activation"  # a new key works after `number` seconds
    DISK_FULL = "disk_full"
    HOOK_FAILING = "hook_failing"  # what hooks run fails, hangs, or is missing: `number` says which
    LEASE_REVOKED = "lease_revoked"  # by somebody else
    TOKEN_REVOKED = "token_revoked"
    KEY_DELETED = "key_deleted"  # at OpenAI, by somebody else
    KILLED = "killed"  # with SIGKILL, once so much has passed; started after `seconds`
    RESTARTED = "restarted"  # the same, with SIGTERM
    SUSPENDED = "suspended"  # the machine, for `seconds`
    WALL_JUMPED = "wall_jumped"  # by `number` seconds
    FILE_REMOVED = "file_removed"
    FILE_OVERWRITTEN = "file_overwritten"
    RELOADED = "reloaded"  # with the edit that `number` says; `key` is how the agent is told
    ROTATED = "rotated"  # by an operator: in order, compromised, or now


WINDOWS = frozenset(list(Kind)[: list(Kind).index(Kind.LEASE_REVOKED)])


class NodeFault(IntEnum):
    """What one node of a cluster does while others answer: the `number` of a NODE_DOWN."""

    REFUSED = 0
    FROZEN = 1
    SEALED = 2


class HookFault(IntEnum):
    """What programs do that hooks run: the `number` of a HOOK_FAILING, whose `key` says which."""

    FAILS = 0
    HANGS = 1
    IS_MISSING = 2


class Edit(StrEnum):
    """How the configuration is changed before a reload."""

    BROKEN = "broken"
    REMOVE_KEY = "remove_key"
    ADD_KEY = "add_key"
    CHANGE_TTL = "change_ttl"
    CHANGE_PATH = "change_path"


class Told(IntEnum):
    """How an agent is told of an edit: the `key` of a RELOADED."""

    BY_SIGNAL = 0  # SIGHUP, and the kernel's word as well
    BY_KERNEL = 1  # that something has changed in the directory
    BY_NOBODY = 2  # as where a directory was itself replaced

    @property
    def described(self) -> str:
        """Say so in a sentence."""
        return self.name.lower().replace("_", " ")


class Counted(IntEnum):
    """What has to pass before an agent is killed or stopped: the `key` of such an incident."""

    STEPS = 0  # calls on its files, requests, answers, ends of programs
    RARE_STEPS = 1  # those that an agent at rest does not make
    AWAITS = 2  # of any of its tasks, after the next rare step


class Incident(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of these, `at` seconds from the beginning; `key` is the place of a key, node, or hook.

    Of a kill or a restart it says what the `number` counts, from then on, and of an edit how the
    agent is told.
    """

    kind: Kind
    at: float
    seconds: float = 0.0
    number: int = 0
    key: int = 0

    def holds(self, now: float) -> bool:
        """Whether a window is open, `now` seconds from the beginning."""
        return self.at <= now < self.at + self.seconds


class KeyPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """One key: its options in the configuration, and what its role in Vault gives."""

    ttl: int = 600
    renewable: bool = False
    static: bool = False
    federated: bool = False  # an access token of OpenAI's, for an identity token
    by_vault: bool = False  # that one is signed by Vault, not in a file
    verify: str = "prefer"
    overlap: int = 60
    check_every: int = 60
    probe_every: int = 120
    max_stale: int = 43200
    on_stop: str = "keep"
    in_file: bool = True
    format: str = "raw"  # of its file: raw, env, json, template
    credential: bool = False  # has a socket that writes the key to whoever connects
    hooks: tuple[str, ...] = ()  # what each is on: rotate, first, both


ADDED = KeyPlan(format="json", credential=True)  # by an edit


class History(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that one run depends on; times are seconds."""

    keys: tuple[KeyPlan, ...] = (KeyPlan(),)
    token_ttl: int = 3600
    token_max: int = 86400
    batch: bool = False
    nodes: int = 1  # of Vault, of which each answers for all
    budget: int = 6
    latency: float = 0.05
    activation: int = 0
    reports: bool = True  # readers report a 401
    seed: int = 0
    seconds: float = 1800.0
    incidents: tuple[Incident, ...] = ()

    def plan(self, name: str) -> KeyPlan:
        """Return the plan of a key, which an edit may have added."""
        index = NAMES.index(name)
        return self.keys[index] if index < len(self.keys) else ADDED

    def down(self, node: int, fault: NodeFault, elapsed: float) -> Incident | None:
        """Return the incident that has this fault at a node now."""
        for one in self.incidents:
            is_meant = one.kind is Kind.NODE_DOWN and one.number == fault and self.nodes > 1
            if is_meant and one.key % self.nodes == node and one.holds(elapsed):
                return one
        return None


def to_text(history: History) -> str:
    """Return a history as one line, for `--replay`."""
    return msgspec.json.encode(history).decode()


def from_text(text: str) -> History:
    """Read one; raises msgspec.ValidationError."""
    return msgspec.json.decode(text, type=History)


NAMES = ("alpha", "beta", "gamma", "delta")


def key_name(index: int) -> str:
    """Return how the key at a place of `History.keys` is called."""
    return NAMES[index]
