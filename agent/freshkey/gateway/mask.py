"""Keeps a key out of a stream of bytes, also where it is cut in two."""

from __future__ import annotations

from typing import Final, final

# An event that ends as the key begins must not wait for the next one: so little of a key may go
# out, which is the same for all keys of a kind, and the rest of it is masked.
_HARMLESS: Final = 8  # bytes


@final
class KeyMask:
    """Puts asterisks in place of a key, as many as it has bytes: lengths that were told hold."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._stars = b"*" * len(key)
        self._begin = key[:_HARMLESS]
        self._beginnings = tuple(key[:length] for length in range(1, len(self._begin)))
        self._sent = b""  # the end of what went out, as far as a key may have begun in it
        self._held = b""  # what may be more of it

    def whole(self, text: bytes) -> bytes:
        """Mask a text that is whole."""
        return text.replace(self._key, self._stars) if self._key in text else text

    def feed(self, data: bytes) -> bytes:
        """Mask the next bytes; what may be a part of the key is held back for the next."""
        sent = len(self._sent)
        text = self.whole(self._sent + self._held + data if sent or self._held else data)
        place = self._place(text)
        if place < 0:
            self._sent = self._held = b""
            return text[sent:] if sent else text
        cut = len(text) if len(text) - place < _HARMLESS else max(place, sent)
        self._sent, self._held = text[place:cut], text[cut:]
        return text[sent:cut]

    def _place(self, text: bytes) -> int:
        """Return where a beginning of the key that the text ends with stands; -1 for none."""
        place = text.find(self._begin, max(0, len(text) - len(self._key) + 1))
        while place >= 0 and not self._key.startswith(text[place:]):
            place = text.find(self._begin, place + 1)
        if place < 0 and text.endswith(self._beginnings):
            length = next(len(one) for one in reversed(self._beginnings) if text.endswith(one))
            return len(text) - length
        return place

    def end(self) -> bytes:
        """Return what is held back, masked: what began as the key does is no other text."""
        held, self._held = self._held, b""
        return b"*" * len(held)
