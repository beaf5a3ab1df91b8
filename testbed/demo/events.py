"""The agent's log, read while it grows."""

import json
from collections import deque
from datetime import datetime
from pathlib import Path
from typing import Final

from testbed.demo.log_tail import LogTail

RECENT_EVENTS: Final = 6
DISPLAYED_FIELDS: Final = (
    "generation",
    "tag",
    "reason",
    "expires_in",
    "duration",
    "fault",
    "message",
)
HIDDEN_EVENTS: Final = frozenset({"key.read"})


class EventLog:
    """Lines of JSON: `recent` has the last ones for people.

    Of one key, `published` counts the generations; `lease_id` and `lease`, in seconds, are the
    newest one's.
    """

    def __init__(self, path: Path, key: str) -> None:
        self._file = LogTail(path)
        self._key = key
        self.recent: deque[str] = deque(maxlen=RECENT_EVENTS)
        self.published = 0
        self.lease_id = ""
        self.lease = 0

    def update(self) -> None:
        """Take in what was written since the last call."""
        for line in self._file.new_lines():
            self._add(line)

    def _add(self, line: bytes) -> None:
        try:
            record = json.loads(line)
            event, at = str(record["event"]), datetime.fromisoformat(record["timestamp"])
        except (ValueError, LookupError, TypeError):  # not of the log: what Python itself says
            self.recent.append(line.decode(errors="replace"))
            return
        if event == "key.published" and record.get("key") == self._key:
            self.published += 1
            self.lease_id, self.lease = record["lease_id"] or "", record["expires_in"] or 0
        if event not in HIDDEN_EVENTS:
            fields = (f"{name}={record[name]}" for name in DISPLAYED_FIELDS if name in record)
            self.recent.append(" ".join((f"{at.astimezone():%H:%M:%S}", event, *fields)))
