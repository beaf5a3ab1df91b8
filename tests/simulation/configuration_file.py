"""The configuration's file: what is written to it, and what the agents read."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, NamedTuple

from tests.simulation.configuration import configuration, edited
from tests.simulation.histories import ADDED, Edit, Told, key_name

if TYPE_CHECKING:
    from tests.simulation.histories import KeyPlan
    from tests.simulation.world import World


class Edited(NamedTuple):
    """What was written to the file, and how the agent was told of it; a mend has no `edit`."""

    at: float
    told: Told
    edit: Edit | None
    text: str

    @property
    def is_good(self) -> bool:
        """Whether an agent can work with it."""
        return self.edit is not Edit.BROKEN


class Read(NamedTuple):
    """What an agent read, and whether it goes by that."""

    at: float
    text: str
    is_taken: bool
    is_start: bool = False


class ConfigurationFile:
    """Is edited as a history says."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._mended: str | None = None  # what it is to say again, when it has a fault
        self._edit: Edit | None = None  # the last one without a fault
        self.path = world.directory / "config.toml"
        self.path.write_text(configuration(world.history, world.directory))
        self.edits: list[Edited] = []
        self.reads: list[Read] = []

    def mend(self) -> None:
        """Take out a fault: with one, no agent starts."""
        if self._mended is not None:
            text, self._mended = self._mended, None
            self._write(text, None, Told.BY_KERNEL)

    def edit(self, edit: Edit, told: Told) -> None:
        """Write something else, and have the agent told, or not."""
        if edit is Edit.BROKEN:
            self._mended = self.path.read_text() if self._mended is None else self._mended
        else:
            self._mended, self._edit = None, edit
        text = edited(self._world.history, self._world.directory, edit)
        self._write(text, edit, told)

    def _write(self, text: str, edit: Edit | None, told: Told) -> None:
        self.path.write_text(text)
        self.edits.append(Edited(self._world.elapsed, told, edit, text))
        if told is not Told.BY_NOBODY:
            self._world.kernel.tell_of_change()
        if told is Told.BY_SIGNAL:
            self._world.kernel.send(signal.SIGHUP)

    def note_start(self) -> None:
        """Take note that an agent is started, which reads it."""
        text = self.path.read_text()
        self.reads.append(Read(self._world.elapsed, text, is_taken=True, is_start=True))

    def note_read(self, *, is_taken: bool) -> None:
        """Take note that an agent has read it."""
        self.reads.append(Read(self._world.elapsed, self.path.read_text(), is_taken=is_taken))

    def plans(self) -> dict[str, KeyPlan]:
        """Return the keys that it has, when it has no fault."""
        plans = {key_name(i): plan for i, plan in enumerate(self._world.history.keys)}
        if self._edit is Edit.REMOVE_KEY:
            del plans[key_name(len(plans) - 1)]
        if self._edit is Edit.ADD_KEY:
            plans[key_name(3)] = ADDED
        return plans
