"""A start from a journal: what matches is served as it is, and the rest is revoked in order."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Final

from freshkey.core.keys.revocation import left
from freshkey.core.model.actions import Level, Record
from freshkey.core.model.ledger import Origin, Source
from freshkey.core.model.policy import AgentPolicy
from freshkey.core.model.records import audited
from freshkey.core.model.state import (
    AgentState,
    Credential,
    Idle,
    KeyState,
    Reason,
    Retired,
    Testing,
    Wanted,
    Watch,
)
from freshkey.core.model.struct import Struct, replace
from freshkey.core.model.token import Token, Tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

    from freshkey.core.model.ledger import KeyEntry, Ledger

_ENDED: Final = "the agent ended during a mint: a lease of unknown id may live under its token"
_ELSEWHERE: Final = "it came from another address, and lives to its end"


class Adopted(Struct, frozen=True):
    """The state to start from.

    `files` are those that the journal's keys had; those that are not configured any more are to be
    removed. `records` are about mints that have no answer, about keys that are not configured any
    more, and about what lives to its end: leases of an address that is not configured any more, and
    access tokens that are not used any more.
    """

    state: AgentState
    files: tuple[str, ...] = ()
    records: tuple[Record, ...] = ()


def fresh(policy: AgentPolicy) -> AgentState:
    """Return the state of an agent that has no journal."""
    return AgentState(keys=tuple(KeyState(name) for name in policy.keys))


class DesiredState(Struct, frozen=True):
    """What the configuration asks for: an entry of the journal has to match it to be adopted."""

    policy: AgentPolicy
    origin: Origin
    sources: Mapping[str, Source]


def adopt(
    ledger: Ledger, desired_state: DesiredState, now: float, *, rebooted: bool = False
) -> Adopted:
    """Return the state that goes on where the journal ends.

    The ledger's instants must be on the present lease clock already (see `shifted`); `rebooted`
    says that they are estimates, so that Vault is asked for the token's terms as well.
    """
    policy, origin, sources = desired_state.policy, desired_state.origin, desired_state.sources
    if not ledger.origin.same_cluster(origin):
        return _from_other_cluster(ledger, desired_state, now)
    same_login = ledger.origin.same_login(origin)
    entries = {entry.name: entry for entry in ledger.keys}
    keys = [
        _key(entries[name], sources[name], now, policy, same_login=same_login)
        if name in entries
        else KeyState(name)
        for name in policy.keys
    ]
    keys += [_removed(e, now) for name, e in entries.items() if name not in policy.keys]
    lost = {entry.intent for entry in ledger.keys}
    tokens = Tokens(
        retired=tuple(_mark(ledger.retired_tokens, lost)),
        count=ledger.token_count,
        recheck=rebooted,
        unwrapped=ledger.unwrapped if same_login else None,
    )
    if ledger.token is not None:
        (token,) = _mark((ledger.token,), lost)
        if same_login:
            tokens = replace(tokens, current=token)
        else:
            tokens = replace(tokens, retired=(*tokens.retired, token))
    records = _abandoned(ledger)
    state = AgentState(
        keys=tuple(keys),
        tokens=tokens,
        mints=ledger.mints,
        abandoned=ledger.abandoned + len(records),
    )
    return Adopted(
        state, _files(ledger), records + _withdrawn(ledger, policy) + _left(ledger, state, now)
    )


def _key(
    entry: KeyEntry, source: Source, now: float, policy: AgentPolicy, *, same_login: bool
) -> KeyState:
    key = KeyState(
        entry.name,
        generation=entry.generation,
        published_at=entry.published_at,
        announced=entry.generation - entry.unannounced,
        reason=entry.reason,
        retired=entry.retired,
        withdrawn=entry.withdrawn,
        compromised=entry.compromised,
        outdated=entry.outdated,
        barred=entry.barred,
        cycle=Wanted(entry.candidate_reason),
        watch=Watch(claim_minted_at=entry.claim_minted_at),
    )
    if entry.current is not None:
        confirmed = not entry.current.lease.is_of_vault
        watch = replace(
            key.watch,
            check_at=inf if confirmed else now,
            probe_at=now if policy.keys[entry.name].probe_every else inf,
        )
        key = replace(key, current=entry.current, confirmed=confirmed, watch=watch)
    known = same_login or source.federation is not None
    if not known or not source.same_key(entry.source):
        tried = _leases((entry.candidate,), inf)
        return replace(
            key,
            cycle=Wanted(Reason.CHANGED),
            outdated=entry.current is not None,
            retired=(*entry.retired, *tried),
        )
    if entry.candidate is not None and now < entry.candidate.lease.expires_at:
        testing = Testing(entry.candidate_reason, entry.candidate, since=now, retry_at=now)
        return replace(key, cycle=testing)
    if entry.current is not None and not (entry.requested or entry.outdated):
        key = replace(key, cycle=Idle())
    return replace(key, retired=(*key.retired, *_leases((entry.candidate,), now)))  # it has ended


def _removed(entry: KeyEntry, now: float) -> KeyState:
    """A key that is not configured any more: its leases go, after the overlap."""
    overlap = 0.0 if entry.source is None else entry.source.overlap
    retired = tuple(
        replace(old, revoke_at=min(now + overlap, old.lease.expires_at))
        if old.revoke_at == inf
        else old
        for old in (*entry.retired, *_leases((entry.current, entry.candidate), inf))
    )
    return KeyState(entry.name, entry.generation, removed=True, cycle=Idle(), retired=retired)


def _files(ledger: Ledger) -> tuple[str, ...]:
    return tuple(path for entry in ledger.keys if entry.source for path in entry.source.files)


def _leases(held: Iterable[Credential | None], revoke_at: float) -> tuple[Retired, ...]:
    """Retire the leases of these keys; what Vault has no lease of can't be revoked."""
    return tuple(Retired(c.lease, revoke_at) for c in held if c is not None and c.lease.is_of_vault)


def _without_vault(entry: KeyEntry) -> KeyEntry:
    """Leave out what only the Vault that it came from can keep, or end."""

    def exchanged(held: Credential | None) -> Credential | None:
        return held if held is not None and held.lease.exchanged else None

    return replace(
        entry, current=exchanged(entry.current), candidate=exchanged(entry.candidate), retired=()
    )


def _moved(entry: KeyEntry, desired_state: DesiredState, now: float) -> KeyState:
    if entry.current is None and entry.candidate is None:
        return KeyState(entry.name, entry.generation, announced=entry.generation)
    source = desired_state.sources[entry.name]
    return _key(entry, source, now, desired_state.policy, same_login=False)


def _mark(tokens: Iterable[Token], lost: set[int | None]) -> Iterable[Token]:
    return (
        replace(token, abandoned=token.abandoned or (token.revocable and token.number in lost))
        for token in tokens
    )


def _abandoned(ledger: Ledger) -> tuple[Record, ...]:
    """Tell of each mint that the journal intended and has no answer to."""
    return tuple(
        audited("mint.abandoned", entry.name, level=Level.WARNING, message=_ENDED)
        for entry in ledger.keys
        if entry.intent is not None
    )


def _withdrawn(ledger: Ledger, policy: AgentPolicy) -> tuple[Record, ...]:
    """Tell of each key that was published, and is not configured any more."""
    return tuple(
        audited("key.withdrawn", entry.name, entry.current.lease, Level.INFO, why="removed")
        for entry in ledger.keys
        if entry.current is not None and entry.name not in policy.keys
    )


def _left(ledger: Ledger, state: AgentState, now: float) -> tuple[Record, ...]:
    """Tell of each access token that nobody uses any more, and that nobody can end."""
    used = {key.current.secret for key in state.keys if key.current is not None}
    used |= {key.cycle.candidate.secret for key in state.keys if isinstance(key.cycle, Testing)}
    return tuple(
        record
        for entry in ledger.keys
        for held in (entry.current, entry.candidate)
        if held is not None and held.secret not in used
        for record in left(entry.name, held.lease, now, Level.WARNING)
    )


def _from_other_cluster(ledger: Ledger, desired_state: DesiredState, now: float) -> Adopted:
    """No address is left of the cluster that the tokens came from: they are sent nowhere else.

    What OpenAI gave is no matter of any Vault, and stays.
    """
    entries = {entry.name: _without_vault(entry) for entry in ledger.keys}
    keys = tuple(
        _moved(entries[name], desired_state, now) if name in entries else KeyState(name)
        for name in desired_state.policy.keys
    )
    abandoned = _abandoned(ledger)
    lost = tuple(
        audited("lease.left", entry.name, retired.lease, Level.WARNING, message=_ELSEWHERE)
        for entry in ledger.keys
        for retired in (*entry.retired, *_leases((entry.current, entry.candidate), inf))
    )
    total = ledger.abandoned + len(abandoned)
    state = AgentState(keys=keys, mints=ledger.mints, abandoned=total)
    withdrawn = _withdrawn(ledger, desired_state.policy)
    return Adopted(state, _files(ledger), abandoned + withdrawn + lost + _left(ledger, state, now))
