"""The configuration's file: what it says, and whether it says something else by now."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from freshkey.settings.model import Settings


@final
class ConfigFile:
    """Reads the configuration, and knows which content it has read last.

    `load` reads the file at `path`, and raises SettingsError with all its faults. Every method
    blocks for as long as the file system takes.
    """

    def __init__(self, path: Path, load: Callable[[], Settings]) -> None:
        self.path = path
        self._load = load
        self._read: bytes | None = None

    def load(self) -> Settings:
        """Read the configuration; raises SettingsError."""
        self._read = self.digest()  # before: what is written meanwhile counts as a change
        return self._load()

    def digest(self) -> bytes | None:
        """Return a digest of the content now; None when the file is missing or can't be read."""
        try:
            return sha256(self.path.read_bytes()).digest()
        except OSError:
            return None

    def is_unread(self, digest: bytes | None) -> bool:
        """Whether this is another content than the one read last.

        A missing file has none: it may be about to be replaced.
        """
        return digest is not None and digest != self._read
