"""The agent's lives in a world: each begins with what the one before has left on the disk."""

from __future__ import annotations

import signal
import socket
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import trio
from freshkey.daemon import main as daemon
from freshkey.daemon.config_file import ConfigFile
from freshkey.daemon.lost_files import write_lost_files
from freshkey.outputs.state_dir import StateDirectory
from freshkey.settings.loading import load

from tests.simulation.broken import BrokenError
from tests.simulation.configuration import credential_socket
from tests.simulation.configuration_file import ConfigurationFile
from tests.simulation.network import CREDS
from tests.simulation.remembered import (
    forget_untold_ends,
    last_ledger,
    unanswered_mints,
    unknown_tokens,
)
from tests.simulation.seams import forget_the_last_agent
from tests.simulation.vault_model import IDENTITY
from tests.simulation.world import SECRET_ID, Killed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.world import World

_ON_ITS_WAY: Final = 0.1  # seconds from the order of a mint to its request
_AT_THE_LATEST: Final = 600.0  # seconds: an agent that has not ended then never will


class Stop(NamedTuple):
    """How long an agent took to end after SIGTERM, and whether a mint was under way then."""

    seconds: float
    minting: bool


class Down(NamedTuple):
    """A time in which no agent ran; `stopped_at` is when the one before got SIGTERM, if it did."""

    began: float
    ended: float
    stopped_at: float | None


class Lives:
    """Starts an agent, and another one after it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.file = ConfigurationFile(world)
        self.plans = self.file.plans()
        (world.directory / "secret_id").write_text(SECRET_ID)
        (world.directory / "identity").write_text(IDENTITY)
        self.down = 0.0  # seconds until the next one is started
        self.is_over = False
        self.is_serving = False
        self.ended_at = 0.0
        self.last_kill = 0.0
        self.was_killed = False  # the last life
        self.stopped: list[Stop] = []
        self.stopped_at: float | None = None  # when this life was asked to end
        self.downs: list[Down] = []
        self.on_start: Callable[[], None] = lambda: None
        self.on_removed: Callable[[str], None] = lambda _: None
        self.is_running = False
        self.scope = trio.CancelScope()
        self.ended = trio.Event()
        self.starts = 0
        world.on_kill.append(self._on_kill)
        world.on_read = self._on_read

    def _on_kill(self) -> None:
        self.scope.cancel()

    def _on_read(self, *, is_taken: bool) -> None:
        self.file.note_read(is_taken=is_taken)
        if is_taken:
            self._configure()

    def _configure(self) -> None:
        """Take note of which keys there are by now."""
        plans = self.file.plans()
        for name in self.plans.keys() - plans.keys():
            self.on_removed(name)
        self.plans = plans

    async def stop(self, *, down: float) -> None:
        """Send SIGTERM, and wait for the end; the next agent is started after `down` seconds."""
        if not self.is_running:
            return
        self.down = down
        self.stopped_at = self._world.elapsed if self.stopped_at is None else self.stopped_at
        asked_at, minting, began = trio.current_time(), self._world.minting > 0, self._world.now
        self.is_serving = False
        ended = self.ended  # of this life: the next one may begin at once
        self._world.kernel.send(signal.SIGTERM)
        with trio.move_on_after(_AT_THE_LATEST):
            await ended.wait()
        if not ended.is_set():
            raise BrokenError(6, f"a stop takes longer than {_AT_THE_LATEST:g} s")
        minting = minting or any(  # ordered already, and not on its way yet
            path.startswith(CREDS) and began <= at <= began + _ON_ITS_WAY
            for at, path, _ in self._world.requests
        )
        self.stopped.append(Stop(trio.current_time() - asked_at, minting=minting))

    async def run(self) -> None:
        """Start one after the other, until it is over."""
        while not self.is_over:
            await self.live()
            await trio.sleep(self.down)

    async def live(self) -> None:
        """Run one agent to its end, whatever that is."""
        world = self._world
        if self.starts:
            self.downs.append(Down(self.ended_at, world.elapsed, self.stopped_at))
            if world.was_disk_full(self.ended_at):
                world.old_journals.append(world.elapsed)
            world.lost_tokens |= unknown_tokens(world, last_ledger(world))
        self.stopped_at = None
        self.starts += 1
        self.ended = trio.Event()
        self.scope = trio.CancelScope()
        self.file.mend()
        self.file.note_start()
        self._configure()
        world.kernel.begin_life()
        forget_the_last_agent()
        self.on_start()
        world.is_dead = False
        world.tell("the agent starts")
        world.agent_task = trio.lowlevel.current_task()
        try:
            with self.scope:
                await self._run()
        except BaseExceptionGroup as group:
            _, rest = group.split(Killed)
            if rest is not None:
                raise
        except Killed:
            pass
        finally:
            self.was_killed, world.is_dead = world.is_dead, True
            self.is_running = self.is_serving = False
            self.ended_at = world.elapsed
            self.ended.set()
        if self.was_killed:
            self.last_kill = world.elapsed
            if (ledger := last_ledger(world)) is not None:
                world.lost |= unanswered_mints(world, ledger)
                forget_untold_ends(world, ledger)
            self._leave_sockets()
        else:
            world.tell("the agent has ended")
        world.changed()

    def _leave_sockets(self) -> None:
        """Leave the socket files that a killed agent does not remove."""
        directory = self._world.directory
        credentials = (
            credential_socket(directory, name)
            for name, plan in self.plans.items()
            if plan.credential
        )
        for path in (directory / "agent.sock", directory / "openai.sock", *credentials):
            path.unlink(missing_ok=True)
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
                left.bind(str(path))

    async def _run(self) -> None:
        file = ConfigFile(self.file.path, partial(load, self.file.path, {}))
        settings = file.load()
        with StateDirectory.open(settings.state.directory, allow_disk=False) as directory:
            write_lost_files(settings, directory)
            self.is_running = self.is_serving = True
            await daemon.run(settings, file, directory)
