"""Where the core's records go: the log, and the record for auditors."""

from __future__ import annotations

from logging import ERROR, INFO, WARNING
from typing import TYPE_CHECKING, Final, final

import structlog

from freshkey.core.model.actions import Level

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.core.model.actions import Record
    from freshkey.host.clock import WallClock
    from freshkey.logs.audit import Audit

_LEVELS: Final = {Level.INFO: INFO, Level.WARNING: WARNING, Level.ERROR: ERROR}
_INSTANT: Final = "expires_at"

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@final
class Recorder:
    """Translates instants of the lease clock, as `not_after`; `count` takes each record, too."""

    def __init__(
        self, audit: Audit, clock: WallClock, count: Callable[[Record], None] = lambda _: None
    ) -> None:
        self.audit = audit
        self._clock = clock
        self._count = count

    def record(self, record: Record) -> None:
        """Write one record at once."""
        self._count(record)
        fields: dict[str, object] = dict(record.fields)
        at = fields.pop(_INSTANT, None)
        if isinstance(at, float):
            fields["not_after"] = self._clock.not_after(at)
        level = _LEVELS[record.level]
        if record.audit:
            self.audit.event(record.event, level, **fields)
        else:
            log.log(level, record.event, **fields)
