"""Content of any size that nobody has to store: the same bytes each time, and their SHA-256."""

import hashlib
from collections.abc import Iterator

BLOCK = b"".join(hashlib.sha256(number.to_bytes(4)).digest() for number in range(2048))
"""64 KiB without a short period; longer content repeats it."""


def pieces(size: int) -> Iterator[bytes]:
    """Yield the first `size` bytes of the pattern, in blocks of 64 KiB."""
    for start in range(0, size, len(BLOCK)):
        yield BLOCK[: size - start]


def sha256(size: int) -> str:
    """Return the SHA-256 of the first `size` bytes, in hex."""
    content = hashlib.sha256()
    for piece in pieces(size):
        content.update(piece)
    return content.hexdigest()
