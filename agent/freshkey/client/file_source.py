"""The key as a file has it, which the agent replaces and never rewrites."""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, Final, final

from freshkey.client.errors import NoKeyError, SetupError
from freshkey.client.handed_out import HandedOut
from freshkey.client.steps import Wait
from freshkey.client.validation import MAX_KEY, checked_wait, fault_of

if TYPE_CHECKING:
    from freshkey.client.steps import Steps

_LOOK_EVERY: Final = 0.05  # seconds, while there is no file, or none with another key


@final
class FileSource:
    """Reads the file anew each time; `wait` is how many seconds one that is missing has to come."""

    def __init__(self, path: str | os.PathLike[str], wait: float) -> None:
        self._path = os.fspath(path)
        self._wait = checked_wait(wait)
        self._handed_out = HandedOut()

    def __repr__(self) -> str:
        return repr(self._path)

    def __reduce__(self) -> tuple[type[FileSource], tuple[str, float]]:
        return FileSource, (self._path, self._wait)  # a copy knows no key

    def read(self) -> Steps[str]:
        """Return the key. Raises NoKeyError when the file does not come, SetupError at once."""
        end = time.monotonic() + self._wait
        while (key := self._look()) is None:
            left = end - time.monotonic()
            if left <= 0:
                raise NoKeyError(
                    f"{self._path}: there is no key in this place after {self._wait:g} s: "
                    "is the agent running? `freshkey status` tells what it holds"
                )
            yield Wait(min(_LOOK_EVERY, left))
        return self._given(key)

    def handed_out(self, key: str) -> bool:
        """Say whether this key came from here lately."""
        return self._handed_out.tag(key) is not None

    def replacement(self, refused: str, wait: float) -> Steps[str | None]:
        """Return the next key in place of one that was refused, None if none comes in `wait` s."""
        end = time.monotonic() + wait
        while (key := self._look()) is None or key == refused:
            left = end - time.monotonic()
            if left <= 0:
                return None
            yield Wait(min(_LOOK_EVERY, left))
        return self._given(key)

    def _given(self, key: str) -> str:
        self._handed_out.note(key, key)
        return key

    def _look(self) -> str | None:
        """Return what the file has, None when it is missing or has nothing yet."""
        try:
            content = self._content()
        except FileNotFoundError:
            return None
        except PermissionError:
            raise SetupError(
                f"{self._path}: may not be read by user id {os.geteuid()}: join the file's group"
            ) from None
        except OSError as error:
            raise SetupError(f"{self._path}: {error.strerror or error}") from None
        if not content:
            return None
        if fault := fault_of(content):
            raise SetupError(f"{self._path}: {fault}")
        return content.decode()

    def _content(self) -> bytes:
        """Read the file, without a wait for who would write to a pipe. Raises OSError."""
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # to read that is an error
                raise SetupError(f"{self._path}: this is not a regular file: name the key's file")
            return os.read(descriptor, MAX_KEY + 1)
        finally:
            os.close(descriptor)
