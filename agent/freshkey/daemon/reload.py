"""Reads the configuration anew when it is asked for, and says what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, final

import structlog
import trio

from freshkey.core.model.faults import FaultError
from freshkey.core.model.text import one_line
from freshkey.daemon.permissions import Permissions
from freshkey.settings import SettingsError, SettingsFault
from freshkey.settings.desired_state import desired_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.daemon.config_file import ConfigFile
    from freshkey.daemon.service_manager import ServiceManager
    from freshkey.settings.model import Settings

T = TypeVar("T")

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@final
class Reloads:
    """Takes requests, and hands over the configurations that hold, with their `permissions`.

    `prepare` opens what a configuration needs and may fail, with FaultError. `manager` is told of
    each reading; whoever takes a configuration over ends it. `is_vault_needed` says whether Vault
    still has to end what it gave.
    """

    def __init__(
        self,
        current: Settings,
        file: ConfigFile,
        prepare: Callable[[Settings], None],
        manager: ServiceManager,
        is_vault_needed: Callable[[], bool] = lambda: True,
    ) -> None:
        self.current = current
        self.permissions = Permissions.of(current)
        self._file = file
        self._prepare = prepare
        self._manager = manager
        self._is_vault_needed = is_vault_needed
        self._asked = trio.Event()
        self._is_forced = False
        self._is_closed = False

    def close(self) -> None:
        """Take no configuration any more: the agent ends."""
        self._is_closed = True

    def request(self) -> None:
        """Ask for one, whatever the file says; several in a row are one."""
        self._is_forced = True
        self._asked.set()

    def request_changed(self) -> None:
        """Ask for one, if the file says something else than what was read last."""
        self._asked.set()

    async def next(self) -> None:
        """Wait for a request, and for a configuration without a fault; it is `current` then.

        One with a fault changes nothing, and each fault is told.
        """
        while True:
            await self._asked.wait()
            self._asked = trio.Event()
            is_forced, self._is_forced = self._is_forced, False
            if not is_forced and not await _in_thread(self._is_unread):
                continue
            self._manager.begin_reload()
            faults = await self._take()
            if not faults:
                return
            for fault in faults:
                log.error("reload.refused", message=one_line(fault))
            self._manager.end_reload(refused=True)

    async def _take(self) -> tuple[str, ...]:
        """Make the configuration the current one, or return its faults, a line each."""
        try:
            settings, permissions = await _in_thread(self._load)
        except SettingsError as error:
            return tuple(map(str, error.faults))
        except FaultError as error:
            return (f"allow: {error.fault.message}",)
        if (fault := self._unchangeable(settings)) is not None:
            return (str(fault),)
        try:
            self._prepare(settings)
        except FaultError as error:
            return (error.fault.message,)  # it begins with its address, or its socket's path
        log.info("reload.begun", **_changes(self.current, settings))
        self.current, self.permissions = settings, permissions
        return ()

    def _load(self) -> tuple[Settings, Permissions]:
        settings = self._file.load()
        return settings, Permissions.of(settings)

    def _is_unread(self) -> bool:
        return self._file.is_unread(self._file.digest())

    def _unchangeable(self, settings: Settings) -> SettingsFault | None:
        """Say what a running agent can't do, or has not to do without being told."""
        if self._is_closed:
            return SettingsFault("reload", "the agent is stopping")
        if settings.state.directory != self.current.state.directory:
            message = "can't change while the agent runs: restart it"
            return SettingsFault("state.directory", message)
        origin, wanted = desired_state(self.current).origin, desired_state(settings).origin
        if not wanted.address and origin.address and self._is_vault_needed():
            message = (
                "is missing, and leases that came from there are not revoked yet: name it until "
                "their overlap is over, or restart the agent if they may live to their end"
            )
            return SettingsFault("vault.address", message)
        if wanted.address and origin.address and not origin.same_cluster(wanted):
            message = (
                "names no node of the Vault that the keys came from, so all of them would be given "
                "up: restart the agent if that is meant, or name an old node in addresses, too"
            )
            return SettingsFault("vault.address", message)
        return None


async def _in_thread(call: Callable[[], T]) -> T:
    """Have a thread wait for the file system; it changes nothing, so a stop may leave it behind."""
    return await trio.to_thread.run_sync(call, abandon_on_cancel=True)


def _changes(before: Settings, after: Settings) -> dict[str, list[str]]:
    """Name the keys that come, go, and differ, and the other tables that differ."""
    common = before.keys.keys() & after.keys.keys()
    tables = [name for name in after.__struct_fields__ if name != "keys"]
    return {
        "added": sorted(after.keys.keys() - common),
        "removed": sorted(before.keys.keys() - common),
        "changed": sorted(name for name in common if before.keys[name] != after.keys[name]),
        "tables": [name for name in tables if getattr(before, name) != getattr(after, name)],
    }
