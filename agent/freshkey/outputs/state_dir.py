"""The agent's own directory, for as long as the agent lives: whatever becomes of its path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from freshkey.outputs.errors import reported
from freshkey.outputs.locked_directory import LockedDirectory

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_KEPT: Final = 8  # directories that were moved away, or that a mount hides


class StateDirectory:
    """The state directory, locked; `current` is the one that stands at its path, or stood there.

    One that was moved away, or that a mount hides, stays locked: it may come back, and nobody else
    may start from the journal in it.
    """

    def __init__(self, path: Path, current: LockedDirectory, *, allow_disk: bool) -> None:
        self.path = path
        self.current = current
        self._allow_disk = allow_disk
        self._earlier: list[LockedDirectory] = []

    @classmethod
    def open(cls, directory: Path, *, allow_disk: bool) -> StateDirectory:
        """Open or make the directory (0700), and lock it until `close` or the process's end.

        Raises FaultError (`output`) when it belongs to another user, lets others in, is neither on
        tmpfs nor on ramfs without `allow_disk`, or is locked by another agent.
        """
        with reported(directory):
            current = LockedDirectory.open(directory, allow_disk=allow_disk)
            return cls(directory, current, allow_disk=allow_disk)

    @property
    def descriptor(self) -> int:
        """What its files are opened relative to."""
        return self.current.descriptor

    def hold(self) -> str | None:
        """See that the directory at the path is there, locked, and private; say what was not so.

        Raises FaultError (`output`) when it can't be had; nothing may be written then.
        """
        with reported(self.path):
            moved = None if self.current.is_at_its_path else self._move()
            mended = self.current.mend()
            return moved or mended

    def _move(self) -> str:
        """Go on with what stands at the path now, or with a new one."""
        earlier = next((known for known in self._earlier if known.is_at_its_path), None)
        if earlier is None:
            what = _what_happened(self.path, self.current)
            made = LockedDirectory.open(self.path, allow_disk=self._allow_disk)
            self._earlier.append(self.current)
            self.current = made
        else:  # what was made since is gone, or behind it
            what = "an earlier one is back"
            index = self._earlier.index(earlier)
            since = [self.current, *self._earlier[index + 1 :]]
            self.current = earlier
            del self._earlier[index:]
            for directory in since:
                directory.close()
        self._forget()
        return what

    def _forget(self) -> None:
        """Let go of what can't come back, and of the oldest: they may not become many."""
        kept = [directory for directory in self._earlier if not directory.is_removed][-_KEPT:]
        for directory in self._earlier:
            if directory not in kept:
                directory.close()
        self._earlier = kept

    def close(self) -> None:
        """Give the lock back."""
        for directory in (self.current, *self._earlier):
            directory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _what_happened(path: Path, current: LockedDirectory) -> str:
    if path.exists():
        return "another one stood there"
    return "was removed" if current.is_removed else "was moved away"
