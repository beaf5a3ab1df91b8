"""A secret that does not show itself by accident."""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest
from typing import Final, NoReturn, final

MASK: Final = "***"


@final
class Secret:
    """A string that prints as `***` and leaves only through `reveal()`.

    `repr`, `str` and `format` give the mask, `copy`-by-pickle and JSON refuse. Comparing two
    secrets takes the same time wherever they differ.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself; every caller is on the list that a test keeps."""
        return self._value

    @property
    def fingerprint(self) -> str:
        """The first 8 hex digits of the SHA-256: safe to print, enough to tell keys apart."""
        return sha256(self._value.encode()).hexdigest()[:8]

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, _spec: str, /) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        message = "a Secret is not serialised; reveal() it where it has to leave"
        raise TypeError(message)
