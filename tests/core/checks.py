"""What must hold in a simulated world, at every step."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from freshkey.core.agent.step import step
from freshkey.core.model.actions import Revoke, RevokeToken
from freshkey.core.model.events import Event, Failed, Issued, Woke
from freshkey.core.model.faults import UNSPENT
from freshkey.core.model.grants import TokenKind
from freshkey.core.model.state import Testing as BeingTested
from freshkey.core.pacing.chance import Chance

if TYPE_CHECKING:
    from freshkey.core.model.state import KeyState

    from tests.core.world import World

_MINUTE = 60 - 1e-6


def check_ending(world: World, order: Revoke | RevokeToken) -> None:
    """No lease ends while readers have its key: whoever ends it has a successor out."""
    for name, secret in (*world.socket_keys.items(), *world.file_keys.items()):
        lease = world.vault.lease_of(secret, world.now + world.skew)
        if lease is not None and name in world.policy.keys:
            ended = lease.token if isinstance(order, RevokeToken) else lease.id
            ends = order.token.reveal() if isinstance(order, RevokeToken) else order.lease_id
            late = secret != world.socket_keys.get(name) and _too_late(world.key(name), lease.id)
            assert ended != ends or late, "revoked before readers had its successor"


def _too_late(key: KeyState, lease_id: str) -> bool:
    """A file that can't be written keeps no compromised key alive, and no third lease."""
    waiting = any(entry.revoke_at == inf for entry in key.retired)
    ending = (entry for entry in key.retired if entry.lease.id == lease_id)
    return any(entry.hurried or (waiting and entry.revoke_at < inf) for entry in ending)


def reached_openai(answer: Event) -> bool:
    """Whether a mint was spent: what Vault refused by itself was none."""
    if isinstance(answer, Failed):
        return answer.fault.unanswered or answer.fault.kind not in UNSPENT
    return not isinstance(answer, Issued) or bool(answer.grant.lease_id)


def check_budget(world: World) -> None:
    """Never more mints in 60 s than the budget allows."""
    budget = world.policy.max_mints_per_minute
    recent = world.mints[-budget - 1 :]
    assert not budget or len(recent) <= budget or world.now - recent[0] > _MINUTE


def check_nothing_more_is_due(world: World) -> None:
    """A step has done all that is due, and asks to be woken for all that is not."""
    again = step(world.policy, world.state, [Woke()], world.now, Chance(0))
    assert not again.actions, f"there was more to do: {again.actions}"
    asked = world.pending() or again.wake_at == world.wake_at
    assert asked, f"a deadline is not waited for: {again.wake_at} before {world.wake_at}"


def known(world: World) -> set[str]:
    """The leases that the agent holds, or of which it is being told."""
    held = {retired.lease.id for key in world.state.keys for retired in key.retired}
    for key in world.state.keys:
        if key.current is not None:
            held.add(key.current.lease.vault_id or "")
        if isinstance(key.cycle, BeingTested):
            held.add(key.cycle.candidate.lease.vault_id or "")
    arriving = {event.grant.lease_id for event in world.pending() if hasattr(event, "grant")}
    return (held | arriving) - {""}


def check_nothing_is_forgotten(world: World) -> None:
    """Every lease that lives is held, or goes with a token that is to be revoked."""
    tokens = world.state.tokens
    ending = {token.secret.reveal() for token in tokens.retired}
    if tokens.current is not None and tokens.current.abandoned:
        ending.add(tokens.current.secret.reveal())
    for lease in world.vault.alive(world.now):
        if lease.id not in known(world):
            assert lease.id in world.lost_leases, f"{lease.id} is forgotten"
            under_way = any(getattr(o, "name", "") == lease.name for o in _orders(world))
            batch = world.vault.token_kind is TokenKind.BATCH  # it can't be revoked
            assert lease.token in ending or under_way or batch, f"{lease.id} outlives its token"


def _orders(world: World) -> list[object]:
    return [getattr(event, "order", None) for event in world.pending()]
