"""How many requests may be under way at once."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, final

from freshkey.gateway.refusals import RefusedError, busy

if TYPE_CHECKING:
    from collections.abc import Iterator


@final
class Places:
    """Counts requests; only those of clients that may use the gateway have a place."""

    def __init__(self) -> None:
        self.taken = 0

    @contextmanager
    def one(self, most: int) -> Iterator[None]:
        """Take a place of so many, and give it back; raises RefusedError (503) without one."""
        if self.taken >= most:
            raise RefusedError(busy(most))
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
