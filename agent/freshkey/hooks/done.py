"""Which generation of each key had all its hooks run, for the next start.

An agent that is killed while a hook runs, or waits to be tried again, owes it; the next one sees
that and runs it. The file is written after the hooks, so one may run twice, but none is left out.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final, final

import structlog

from freshkey.core.model.faults import FaultError
from freshkey.outputs.access import Access
from freshkey.outputs.errors import reported
from freshkey.outputs.replace import replace, sweep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freshkey.outputs.state_dir import StateDirectory

NAME: Final = "hooks.json"
_ACCESS: Final = Access(mode=0o600)
# What reading anything else than such a file raises; JSON has an infinity, which is no integer.
_NOT_OURS: Final = (
    *(OSError, ValueError, TypeError, AttributeError),
    *(OverflowError, RecursionError),
)

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@final
class DoneHooks:
    """`directory` None: nothing is kept over the end of the process."""

    def __init__(
        self,
        directory: StateDirectory | None,
        generations: Mapping[str, int],
        before: Mapping[str, int] | None = None,
    ) -> None:
        """Go on from `generations`, which says how far each key with hooks has come so far.

        `before` is what the configuration before a reload came to, where no file has it.

        A key that was not in the file has its hooks for the first time: what was published before
        is not their concern.
        """
        self._directory = directory
        self._failed = False
        kept = self._read() or before or {}
        self._done = {
            name: min(kept.get(name, generation), generation)
            for name, generation in generations.items()
        }
        self._write()

    @property
    def generations(self) -> Mapping[str, int]:
        """The last generation of each key whose hooks have all run."""
        return self._done

    def of(self, name: str) -> int:
        """Return the last generation of a key whose hooks have all run, 0 for none."""
        return self._done[name]

    def remember(self, name: str, generation: int) -> None:
        """Note that all hooks of a generation have run."""
        self._done[name] = generation
        self._write()

    def _read(self) -> dict[str, int]:
        if self._directory is None:
            return {}
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(NAME, flags, dir_fd=self._directory.descriptor)
            with os.fdopen(descriptor, "rb") as file:
                found = json.loads(file.read())
            return {str(name): int(number) for name, number in found.items()}
        except FileNotFoundError:
            return {}
        except _NOT_OURS as error:
            log.warning("hooks.unreadable", message=f"{NAME}: {type(error).__name__}: begun anew")
            return {}

    def _write(self) -> None:
        """Replace the file; one that can't be written may make hooks run again, no more."""
        if self._directory is None:
            return
        path = self._directory.path / NAME
        try:
            with reported(path):
                sweep(self._directory.descriptor, path)
                if not self._done:
                    with suppress(FileNotFoundError):
                        os.unlink(NAME, dir_fd=self._directory.descriptor)
                    return
            content = json.dumps(self._done).encode()
            replace(self._directory.descriptor, path, content, _ACCESS)
        except FaultError as error:
            if not self._failed:
                log.warning("hooks.not_kept", message=error.fault.message)
            self._failed = True
        else:
            self._failed = False
