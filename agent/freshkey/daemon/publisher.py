"""Writes and removes the files of the keys; these orders are performed at once, and in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import structlog

from freshkey.core.model.actions import Publish, Withdraw
from freshkey.core.model.events import Published, Withdrawn
from freshkey.core.model.faults import Fault, FaultError
from freshkey.daemon.file_contents import FileContents
from freshkey.daemon.file_watch import FileWatch
from freshkey.outputs.files import remove_file, write_file
from freshkey.settings.file_names import path_of
from freshkey.settings.keys import FileSettings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from freshkey.core.model.view import Publication
    from freshkey.host.clock import WallClock
    from freshkey.settings.model import Settings

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

OutputOrder = Publish | Withdraw


@final
class Publisher:
    """One failing file holds back neither the others nor the socket.

    A file that another key's template fills with this one is written with this one too, and
    counts with its files: its readers hold the old key until then.
    """

    def __init__(self, settings: Settings, clock: WallClock) -> None:
        self._settings = settings
        self._contents = FileContents(settings, clock)
        self._warned: set[str] = set()
        self._written: set[Path] = set()
        self._faults: dict[Path, Fault] = {}
        self._watch = FileWatch()
        self._left_over: set[Path] = set()

    def remember(self, name: str, publication: Publication | None) -> None:
        """Take note of what was published of a key before this agent began."""
        self._contents.show(name, publication)

    def perform(self, order: OutputOrder) -> Published | Withdrawn:
        """Write or remove every file of a key; the answer names those that failed."""
        match order:
            case Publish():
                return Published(order, self._publish(order))
            case Withdraw():
                return Withdrawn(order, self._withdraw(order))

    def files(self, name: str) -> list[tuple[Path, bool, str | None]]:
        """List the files of a key: whether each has the key, and what went wrong with it last."""
        listed = []
        for target in self._settings.keys[name].files:
            fault = self._faults.get(target.path)
            ok = target.path in self._written and fault is None
            listed.append(
                (target.path, ok, fault.message if fault else self._contents.lack(target))
            )
        return listed

    def changed(self) -> list[str]:
        """Name the keys whose files are not as they were left: somebody else has changed one."""
        return [
            name
            for name, key in self._settings.keys.items()
            if any(self._watch.is_changed(target.path) for target in key.files)
        ]

    def remove_left(self, paths: Iterable[str]) -> None:
        """Remove files of keys that are not configured any more, unless another key has them."""
        configured = {target.path for key in self._settings.keys.values() for target in key.files}
        self._left_over = set(map(path_of, paths)) - configured
        self.tidy()

    def tidy(self) -> None:
        """Try again to remove those that could not be removed; one that is gone is not ours."""
        for path in tuple(self._left_over):
            try:
                remove_file(FileSettings(path=path))
            except FaultError as error:
                if self._faults.get(path) != error.fault:
                    log.warning("key.file_failed", message=error.fault.message)
                self._faults[path] = error.fault
            else:
                self._faults.pop(path, None)
                self._left_over.remove(path)

    def _publish(self, order: Publish) -> tuple[Fault, ...]:
        self._contents.show(order.name, order.publication)
        allow_disk = self._settings.state.allow_disk
        faults = []
        for owner, target in self._contents.files_with(order.name):
            if owner != order.name and not self._contents.is_ready(owner, target):
                continue  # which is not for want of this key
            try:
                content = self._contents.of(owner, target)
                with self._watch.changing(owner, target.path):
                    warning = write_file(target, content, allow_disk=allow_disk)
            except FaultError as error:
                faults.append(error.fault)
                self._faults[target.path] = error.fault
                continue
            self._written.add(target.path)
            self._faults.pop(target.path, None)
            if warning is not None and warning not in self._warned:
                self._warned.add(warning)
                log.warning("key.file_warning", key=owner, message=warning)
        return tuple(faults)

    def _withdraw(self, order: Withdraw) -> tuple[Fault, ...]:
        self._contents.show(order.name, None)
        faults = []
        for owner, target in self._contents.files_with(order.name):
            try:
                with self._watch.changing(owner, target.path):
                    remove_file(target)
            except FaultError as error:
                faults.append(error.fault)
                self._faults[target.path] = error.fault
            else:
                self._written.discard(target.path)
                self._faults.pop(target.path, None)
        return tuple(faults)
