"""The main loop in virtual time, with real files and a real state directory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import trio
from freshkey.core.keys.adoption import fresh
from freshkey.daemon.disk_watch import LOOK_EVERY, watch_disk
from freshkey.daemon.journal_keeper import JournalKeeper
from freshkey.daemon.loop import Loop
from freshkey.daemon.publisher import Publisher
from freshkey.host.clock import WallClock
from freshkey.outputs.journal import Journal
from freshkey.settings.auth import TokenAuth
from freshkey.settings.desired_state import desired_state
from freshkey.settings.keys import FileSettings, KeySettings
from freshkey.settings.model import Settings, StateSettings, VaultSettings

from tests.daemon.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from freshkey.core.model import actions, events
    from freshkey.core.model.state import AgentState
    from freshkey.outputs.state_dir import StateDirectory


def settings(tmpfs_path: Path, *, persist: bool = True) -> Settings:
    """Return a configuration with one key in one file, and no checks that write it again."""
    file = FileSettings(path=tmpfs_path / "keys" / "key", mode=0o640)
    key = KeySettings(path="x", check_every=0, files=(file,))
    return Settings(
        vault=VaultSettings(addresses=("http://127.0.0.1:8200",)),
        auth=TokenAuth(),
        state=StateSettings(directory=tmpfs_path / "state", persist=persist),
        keys={"billing": key},
    )


class OnDisk(Simulation):
    """The agent; everything else than its files is simulated."""

    def __init__(
        self, tmpfs_path: Path, directory: StateDirectory, told: list[Any], *, persist: bool = True
    ) -> None:
        super().__init__()
        self.directory = directory
        self.settings = settings(tmpfs_path, persist=persist)
        self.publisher = Publisher(self.settings, WallClock())
        self.keeper = JournalKeeper(
            directory, desired_state(self.settings), Journal(directory) if persist else None
        )
        self.key_file = tmpfs_path / "keys" / "key"
        self.state = tmpfs_path / "state"
        self.journal = self.state / "journal.json"
        self.told = told
        policy = self.keeper.desired_state.policy
        self.loop = Loop(policy, fresh(policy), self)
        self.writes = 0

    def write_journal(self, state: AgentState) -> None:
        super().write_journal(state)
        self.keeper.write_journal(state)

    def publish(
        self, order: actions.Publish | actions.Withdraw
    ) -> events.Published | events.Withdrawn:
        self.writes += 1
        return self.publisher.perform(order)

    def changed(self) -> Iterable[str]:
        return self.publisher.changed()

    def tidy(self) -> None:
        self.publisher.tidy()

    async def start(self, nursery: trio.Nursery) -> None:
        """Run until the key is published; forget what was told until then."""
        nursery.start_soon(self.loop.run, self)
        nursery.start_soon(watch_disk, self, self.loop)
        with trio.fail_after(10):
            while not self.key_file.exists():  # noqa: ASYNC110 - the clock is virtual
                await trio.sleep(0.5)
        await self.look()
        self.told.clear()

    async def look(self) -> None:
        """Let it look at the disk three times: whatever is done is done once."""
        await trio.sleep(3.1 * LOOK_EVERY)

    @property
    def key(self) -> str:
        current = self.loop.state.keys[0].current
        assert current is not None
        return current.secret.reveal()

    def holds(self) -> bool:
        """Whether the key is in its file, and in the journal."""
        return self.key_file.read_text() == self.key and self.is_journaled()

    def is_journaled(self) -> bool:
        ledger = json.loads(self.journal.read_text())["ledger"]
        return bool(ledger["keys"][0]["current"]["secret"] == self.key)

    def events(self) -> list[str]:
        """Name what was told since the last time."""
        found = [line["event"] for line in self.told if line["log_level"] != "info"]
        self.told.clear()
        return found
