"""The journal file in the state directory; what its bytes mean is not decided here."""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from freshkey.core.model.faults import FaultError
from freshkey.outputs.access import Access
from freshkey.outputs.errors import reported
from freshkey.outputs.replace import regular, replace, sweep
from freshkey.outputs.stamps import Stamp, difference, stamp

if TYPE_CHECKING:
    from pathlib import Path

    from freshkey.outputs.locked_directory import LockedDirectory
    from freshkey.outputs.state_dir import StateDirectory

NAME: Final = "journal.json"
_ACCESS: Final = Access(mode=0o600)
_SET_ASIDE: Final = re.escape(NAME) + r"\.unreadable-([0-9]+)"
_KEPT: Final = 3  # unreadable ones: enough to see what happened, and they hold secrets


class Journal:
    """One file, 0600, that is only ever replaced as a whole. Every method raises FaultError."""

    def __init__(self, state: StateDirectory) -> None:
        self.path: Final = state.path / NAME
        self._state = state
        self._left: WeakKeyDictionary[LockedDirectory, Stamp | None] = WeakKeyDictionary()
        self._digest = b""

    @property
    def _directory(self) -> int:
        return self._state.descriptor

    def read(self) -> bytes | None:
        """The content; None when there is no journal."""
        self._note()
        with reported(self.path):
            if regular(self._directory, self.path) is None:
                return None
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(NAME, flags, dir_fd=self._directory), "rb") as file:
                return file.read()

    def change(self) -> str | None:
        """Say what somebody else has done to it; None when it is as this agent left it.

        One that was only touched is not changed. Raises FaultError when that can't be told.
        """
        left, found = self._left.get(self._state.current), self._look()
        change = difference(left, found)
        touched = change and left and found and left.lasting == found.lasting
        if touched and sha256(self.read() or b"").digest() == self._digest:
            return None
        return change

    @property
    def is_foreign(self) -> bool:
        """Whether something else stands in its place.

        It may be another agent's journal, with leases, or a directory, which can't be replaced.
        """
        left, found = self._left.get(self._state.current), self._look()
        return found is not None and (left is None or left.identity != found.identity)

    def write(self, content: bytes) -> None:
        """Replace the content; where there is no room for two journals, the old one goes first.

        None is better than an old one, by which a later start would serve what is revoked by then.
        """
        with reported(self.path):
            sweep(self._directory, self.path)
        try:
            replace(self._directory, self.path, content, _ACCESS)
        except FaultError as error:
            if not _lacks_room(error.__cause__):
                raise
            self.remove()
            replace(self._directory, self.path, content, _ACCESS)
        self._digest = sha256(content).digest()
        self._note()

    def set_aside(self) -> Path:
        """Rename a journal that can't be read, and give its new path; only the last few stay."""
        with reported(self.path):
            with os.scandir(self._directory) as entries:
                found = [re.fullmatch(_SET_ASIDE, entry.name) for entry in entries]
            numbers = sorted(int(match[1]) for match in found if match)
            name = _aside(max(numbers, default=0) + 1)
            os.rename(NAME, name, src_dir_fd=self._directory, dst_dir_fd=self._directory)
            for old in numbers[: 1 - _KEPT]:
                with suppress(OSError):  # a directory: whoever put it there may need it
                    os.unlink(_aside(old), dir_fd=self._directory)
        self._note()
        return self.path.with_name(name)

    def remove(self) -> None:
        """Remove the journal, if there is one, with what a killed agent left of it."""
        with reported(self.path):
            sweep(self._directory, self.path)
            if regular(self._directory, self.path) is not None:
                os.unlink(NAME, dir_fd=self._directory)
        self._note()

    def _note(self) -> None:
        self._left[self._state.current] = self._look()

    def _look(self) -> Stamp | None:
        return stamp(NAME, self._directory)


def _lacks_room(error: BaseException | None) -> bool:
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def _aside(number: int) -> str:
    return f"{NAME}.unreadable-{number}"
