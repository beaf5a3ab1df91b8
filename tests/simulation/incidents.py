"""Makes the incidents of a history happen, each at its time."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio

from tests.simulation.awaits import kill_at_an_await, reach_an_await
from tests.simulation.configuration import key_file
from tests.simulation.edits import READ_WITHIN
from tests.simulation.histories import WINDOWS, Counted, Edit, Incident, Kind, Told, key_name
from tests.simulation.sockets import ask

if TYPE_CHECKING:
    from tests.simulation.agent import Lives
    from tests.simulation.readers import Readers
    from tests.simulation.world import Steps, World

EDITS: Final = tuple(Edit)
_AT_THE_LATEST: Final = 30.0  # seconds until an agent is killed, or stopped, that makes no step
_IN_A_ROTATION: Final = 300.0  # the same, where that is to be while it replaces a key
_READING: Final = 1.0  # seconds more than an agent has to read an edit, before that is mended
_CALM: Final = 60.0  # seconds at the end of a history, in which the next agent runs


class Incidents:
    """Happens in the order of their times."""

    def __init__(self, world: World, lives: Lives, readers: Readers) -> None:
        self._world = world
        self._lives = lives
        self._readers = readers

    async def run(self) -> None:
        """Make all happen; return after the last one has begun."""
        async with trio.open_nursery() as nursery:
            for incident in sorted(self._world.history.incidents, key=lambda one: one.at):
                await self._until(incident.at)
                self._world.happened(incident)
                self._world.tell(f"*** {_described(incident)}")
                if incident.kind in {Kind.SUSPENDED, Kind.WALL_JUMPED}:
                    self._move_clocks(incident)  # at once: the next one is later by that
                elif incident.kind not in WINDOWS:
                    nursery.start_soon(self._happen, incident)
                self._world.changed()

    async def _until(self, elapsed: float) -> None:
        while (left := elapsed - self._world.elapsed) > 0:  # noqa: ASYNC110 - the clock is virtual
            await trio.sleep(left)

    async def _happen(self, incident: Incident) -> None:
        match incident.kind:
            case Kind.KILLED:
                await self._kill(incident)
            case Kind.RESTARTED:
                await self._wait_for_step(incident)
                await self._lives.stop(down=incident.seconds)
            case Kind.RELOADED:
                await self._reload(
                    EDITS[incident.number % len(EDITS)], Told(incident.key % len(Told))
                )
            case Kind.ROTATED:
                await self._rotate(self._name(incident), incident.number)
            case Kind.FILE_REMOVED | Kind.FILE_OVERWRITTEN:
                self._touch_file(incident)
            case _:
                self._end_key(incident)
        self._world.changed()

    def _move_clocks(self, incident: Incident) -> None:
        world = self._world
        if incident.kind is Kind.WALL_JUMPED:
            world.clocks.wall_moved += incident.number
            return
        self._readers.pause()
        world.clocks.suspended += incident.seconds
        world.vault.settle(world.now)

    def _touch_file(self, incident: Incident) -> None:
        path = key_file(self._world.directory, self._name(incident))
        if incident.kind is Kind.FILE_REMOVED:
            path.unlink(missing_ok=True)
        elif path.exists():
            path.write_text("not a key")

    def _end_key(self, incident: Incident) -> None:
        """Let somebody else end a lease, a token, or a key."""
        world = self._world
        if incident.kind is Kind.TOKEN_REVOKED:
            for token in tuple(world.vault.tokens):
                world.vault.end_token(token, world.now, "outside")
            return
        name = self._name(incident)
        secret = self._readers.socket_key(name) or self._readers.file_key(name) or ""
        account = world.openai.by_secret.get(secret)
        if account is None or not account.lease:
            return
        if incident.kind is Kind.LEASE_REVOKED:
            world.vault.end_lease(account.lease, world.now, "outside")
        else:
            world.openai.delete(account.id, world.now, "outside")

    def _name(self, incident: Incident) -> str:
        return key_name(incident.key % len(self._world.history.keys))

    async def _wait_for_step(self, incident: Incident) -> None:
        """Wait until the agent is where the incident is to be, but leave time for the next one."""
        world = self._world
        left = world.history.seconds - world.elapsed - incident.seconds - _CALM
        with trio.move_on_after(min(_patience(incident), max(left, 0.0))):
            if incident.key == Counted.AWAITS:
                await self._wait_for_rare_step()
                await reach_an_await(world, incident.number)
            elif incident.number:
                await world.reach(self._steps(incident)).wait()

    def _steps(self, incident: Incident) -> Steps:
        return self._world.after(incident.number, rare=incident.key == Counted.RARE_STEPS)

    async def _wait_for_rare_step(self) -> None:
        await self._world.reach(self._world.after(1, rare=True)).wait()

    async def _kill(self, incident: Incident) -> None:
        world = self._world
        if world.is_dead:
            return
        ended = self._lives.ended
        self._lives.down = incident.seconds
        with trio.move_on_after(_patience(incident)):
            if incident.key == Counted.AWAITS:
                await self._wait_for_rare_step()
                await kill_at_an_await(world, incident.number)
            else:
                world.kill_at = self._steps(incident)
            await ended.wait()
        if not ended.is_set():
            world.tell("killed between two steps")
            world.kill()

    async def _reload(self, edit: Edit, told: Told) -> None:
        world, lives = self._world, self._lives
        if len(world.history.keys) == 1 and edit is Edit.REMOVE_KEY:
            edit = Edit.CHANGE_TTL
        world.tell(f"    the configuration is edited: {edit}, told {told.described}")
        lives.file.edit(edit, told)
        if edit is Edit.BROKEN:
            await trio.sleep(READ_WITHIN[told] + _READING)
            lives.file.mend()

    async def _rotate(self, name: str, number: int) -> None:
        body: dict[str, object] = {"compromised": number % 3 > 0, "now": number % 3 > 1}
        target = f"/v1/keys/{name}/rotate"
        with suppress(OSError):
            await ask(self._world.directory / "agent.sock", "POST", target, body)


def _patience(incident: Incident) -> float:
    """Return the seconds after which an incident happens wherever the agent is."""
    if incident.key == Counted.STEPS:
        return _AT_THE_LATEST if incident.number else 0.0
    return _IN_A_ROTATION


def _described(incident: Incident) -> str:
    words = [incident.kind.replace("_", " ")]
    if incident.kind in {Kind.KILLED, Kind.RESTARTED}:
        counted = Counted(incident.key).name.lower().replace("_", " ")
        words.append(f"after {incident.number} {counted}, for {incident.seconds:g} s")
        return " ".join(words)
    if incident.seconds:
        words.append(f"for {incident.seconds:g} s")
    if incident.number:
        words.append(f"({incident.number})")
    if incident.key and incident.kind is not Kind.RELOADED:
        words.append(f"key {incident.key}")
    return " ".join(words)
