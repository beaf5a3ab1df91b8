"""Keeps a key out of a stream of bytes, also where it is cut in two."""

from __future__ import annotations

from typing import final


@final
class KeyMask:
    """Puts asterisks in place of a key, as many as it has bytes: lengths that were told hold."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._stars = b"*" * len(key)
        self._held = b""

    def whole(self, text: bytes) -> bytes:
        """Mask a text that is whole."""
        return text.replace(self._key, self._stars) if self._key in text else text

    def feed(self, data: bytes) -> bytes:
        """Mask the next bytes; what may be the beginning of the key is held back for the next."""
        data = self.whole(self._held + data if self._held else data)
        begins = self._key[:1]
        place = data.find(begins, max(0, len(data) - len(self._key) + 1))
        while place >= 0 and not self._key.startswith(data[place:]):
            place = data.find(begins, place + 1)
        self._held = data[place:] if place >= 0 else b""
        return data[:place] if place >= 0 else data

    def end(self) -> bytes:
        """Return what is held back: the key has not come after all."""
        held, self._held = self._held, b""
        return held
