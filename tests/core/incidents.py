"""What happens to a generated world from outside, at an instant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from freshkey.core.keys.adoption import DesiredState
from freshkey.core.model.events import Event, Reported, RotateRequested
from freshkey.core.model.ledger import Source
from freshkey.core.model.policy import Subject
from freshkey.core.model.struct import replace

from tests.core.scripts import FULL_DISK, ORIGIN, sources

if TYPE_CHECKING:
    from tests.core.world import World


@dataclass(frozen=True)
class Switch:
    """The agent starts with another source for one key: a mint, a kept key, or an exchange."""

    name: str
    to: Literal["mint", "kept"] | Subject


@dataclass(frozen=True)
class Incident:
    """Something from outside, at an instant. `what` is a method's name, or an event."""

    at: float
    what: str | Event | Switch


def happen(world: World, incident: Incident) -> None:
    match incident.what:
        case "end_everything" | "put" | "delete" | "refuse":
            getattr(world.vault, incident.what)()
        case "end_one":
            for lease_id in list(world.vault.leases)[:1]:
                world.vault.end_lease(lease_id)
        case "disk_full" | "disk_free":
            world.file_fault = FULL_DISK if incident.what == "disk_full" else None
        case "leap":
            world.now += 600.0
        case "report":
            for _, name, tag in world.history[-1:]:
                world.send(Reported(name, tag))
        case Switch():
            switch(world, incident.what)
        case event:
            assert not isinstance(event, str), event
            if not isinstance(event, RotateRequested) or event.name in world.policy.keys:
                world.send(event)


def switch(world: World, to: Switch) -> None:
    """Start the agent with the configuration that names another source for a key."""
    if to.name not in world.policy.keys:
        return
    subject = to.to if isinstance(to.to, Subject) else None
    world.vault.static_keys.pop(to.name, None)
    if to.to == "kept":
        world.vault.static_keys[to.name] = f"sk-{to.name}"
    key = replace(world.policy.keys[to.name], subject=subject)
    wanted = replace(world.policy, keys={**world.policy.keys, to.name: key})
    path = f"{to.to}/{to.name}"
    source = Source(path, "api_key") if subject is None else sources(wanted)[to.name]
    held = world.sources or sources(world.policy)
    world.restart(DesiredState(wanted, ORIGIN, {**held, to.name: source}))


def mend(world: World) -> None:
    """Everything works again."""
    world.vault.put()
    world.rules, world.forced_verdicts, world.file_fault = (), (), None
