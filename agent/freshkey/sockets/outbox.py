"""Group commit: the answers of one pass of trio's loop leave together, after their record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, final

import structlog
import trio

if TYPE_CHECKING:
    from collections.abc import Callable

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Sender(Protocol):
    """Has answers to send."""

    def send(self) -> None:
        """Send them, as far as they are taken at once."""

    def hang_up(self) -> None:
        """Send nothing any more."""


@final
class Outbox(trio.abc.Instrument):
    """Sends what is put into it at the end of the pass, once `commit` has written the record.

    One write to the record then does for a crowd of reads, and no task has to be woken again for
    its answer. An instrument, because trio tells nobody else that a pass is over.
    """

    def __init__(self, commit: Callable[[], None]) -> None:
        self._commit = commit
        self._senders: list[Sender] = []

    def put(self, sender: Sender) -> None:
        """Have `sender.send` called; once, however many answers it has by then."""
        self._senders.append(sender)

    def flush(self) -> None:
        """Send now what would be sent at the end of the pass."""
        senders, self._senders = self._senders, []
        try:
            self._commit()
        except Exception:  # trio would drop an instrument that fails
            log.exception("audit.crashed")
            for sender in senders:
                sender.hang_up()  # no key goes out without a record
            return
        for sender in senders:
            try:
                sender.send()
            except Exception:
                log.exception("connection.failed")
                sender.hang_up()

    def before_io_wait(self, _timeout: float) -> None:
        """End a pass; called by trio."""
        if self._senders:
            self.flush()
