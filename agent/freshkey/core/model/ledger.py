"""What of the state goes to the journal: enough to go on without minting, and to lose no lease."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, assert_never

from freshkey.core.model.grants import Unwrapped
from freshkey.core.model.state import (
    BackingOff,
    Credential,
    Exchanging,
    Idle,
    Minting,
    Reason,
    Refreshing,
    Retired,
    Testing,
    Wanted,
)
from freshkey.core.model.struct import Struct
from freshkey.core.model.token import Token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freshkey.core.model.state import AgentState, KeyState


class Origin(Struct, frozen=True):
    """Where and as whom the agent logged in; `others` are more nodes of that cluster."""

    address: str
    namespace: str | None
    method: str
    mount: str
    role: str | None
    others: tuple[str, ...] = ()

    def same_cluster(self, other: Origin) -> bool:
        """Whether a token of one may be sent to the addresses of the other.

        Addresses are configured as nodes of one cluster: those that share a node are the same one.
        """
        nodes, others = {self.address, *self.others}, {other.address, *other.others}
        return _plain(self.namespace) == _plain(other.namespace) and not nodes.isdisjoint(others)

    def same_login(self, other: Origin) -> bool:
        """Whether it is the same identity in Vault."""
        mine, its = (self.method, self.mount, self.role), (other.method, other.mount, other.role)
        return mine == its and self.same_cluster(other)


class Federation(Struct, frozen=True):
    """For which account an identity token is exchanged, and where; `subject` says whose it is."""

    identity_provider_id: str
    service_account_id: str
    subject: str
    exchange_url: str


class Source(Struct, frozen=True, omit_defaults=True):
    """What a key is read from: an entry of the journal with another source is another key.

    One that is exchanged at OpenAI has a `federation`, and neither path nor field. `overlap` and
    `files` are for the end of a key that is not configured any more. What is not used does not
    stand in the journal, so that an earlier version can go on with keys that it knows.
    """

    path: str
    field: str
    ttl: float | None = None
    overlap: float = 0.0
    files: tuple[str, ...] = ()
    federation: Federation | None = None

    def same_key(self, other: Source | None) -> bool:
        """Whether a key of one is a key of the other."""
        if other is None:
            return False
        mine = (self.path, self.field, self.ttl, self.federation)
        return mine == (other.path, other.field, other.ttl, other.federation)


class KeyEntry(Struct, frozen=True):
    """One key in the journal.

    `intent` is the token of a mint that has no answer yet, `candidate_reason` why there is, or is
    to be, a candidate.
    """

    name: str
    source: Source | None
    generation: int
    reason: Reason
    current: Credential | None
    candidate: Credential | None
    candidate_reason: Reason
    intent: int | None
    retired: tuple[Retired, ...]
    withdrawn: bool
    requested: bool = False  # somebody who may asked for a replacement that is not out yet
    compromised: bool = False
    claim_minted_at: float = -inf
    published_at: float = -inf
    outdated: bool = False  # `current` is of another source than `source`
    barred: str | None = None
    unannounced: bool = False  # nobody was told yet that `current` is published


class Ledger(Struct, frozen=True):
    """The journal's content, instants on the lease clock of the boot that wrote it."""

    origin: Origin
    token: Token | None
    retired_tokens: tuple[Token, ...]
    token_count: int
    unwrapped: Unwrapped | None
    mints: tuple[float, ...]
    keys: tuple[KeyEntry, ...]
    abandoned: int = 0


def _plain(namespace: str | None) -> str:
    """Return a namespace without the slashes around it, which Vault ignores."""
    return (namespace or "").strip("/")


class Entries:
    """The keys' entries as they were made last, because few of many keys change at a time."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[KeyState, Source | None, KeyEntry]] = {}

    def of(self, keys: tuple[KeyState, ...], sources: Mapping[str, Source]) -> tuple[KeyEntry, ...]:
        """Return an entry for each key."""
        before, self._known = self._known, {}
        for key in keys:
            source = sources.get(key.name)
            known = before.get(key.name)
            if known is None or known[0] is not key or known[1] is not source:
                known = (key, source, _entry(key, source))
            self._known[key.name] = known
        return tuple(entry for _, _, entry in self._known.values())


def to_ledger(
    state: AgentState,
    origin: Origin,
    sources: Mapping[str, Source],
    entries: Entries | None = None,
) -> Ledger:
    """Return what has to be in the journal before the actions of this state are performed."""
    return Ledger(
        origin=origin,
        token=state.tokens.current,
        retired_tokens=state.tokens.retired,
        token_count=state.tokens.count,
        unwrapped=state.tokens.unwrapped,
        mints=state.mints,
        abandoned=state.abandoned,
        keys=(entries or Entries()).of(state.keys, sources),
    )


def _entry(key: KeyState, source: Source | None) -> KeyEntry:
    candidate, intent = None, None
    match key.cycle:
        case Testing():
            candidate, reason = key.cycle.candidate, key.cycle.reason
        case Minting():
            intent, reason = key.cycle.token, key.cycle.reason
        case Wanted() | Refreshing() | Exchanging() | BackingOff():
            reason = key.cycle.reason
        case Idle():
            reason = key.reason
        case _:
            assert_never(key.cycle)
    return KeyEntry(
        name=key.name,
        source=source,
        generation=key.generation,
        reason=key.reason,
        current=key.current,
        candidate=candidate,
        candidate_reason=reason,
        intent=intent,
        retired=key.retired,
        withdrawn=key.withdrawn,
        requested=not isinstance(key.cycle, Idle) and reason is Reason.REQUESTED,
        compromised=key.compromised,
        claim_minted_at=key.watch.claim_minted_at,
        published_at=key.published_at,
        outdated=key.outdated,
        barred=key.barred,
        unannounced=key.announced < key.generation,
    )
