"""The agent's log, read while it grows."""

import json
from collections import deque
from datetime import datetime
from pathlib import Path
from typing import Final

KEPT: Final = 6
SHOWN: Final = ("generation", "tag", "reason", "expires_in", "duration", "fault", "message")
QUIET: Final = frozenset({"key.read"})


class EventLog:
    """Lines of JSON: `recent` has the last ones for people, `published` counts generations."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self.recent: deque[str] = deque(maxlen=KEPT)
        self.published = 0

    def update(self) -> None:
        """Take in what was written since the last call; a line that is half written waits."""
        with self._path.open("rb") as file:
            file.seek(self._read)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + len(newline)
        for line in whole.splitlines():
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            record = json.loads(line)
            event, at = str(record["event"]), datetime.fromisoformat(record["timestamp"])
        except (ValueError, LookupError, TypeError):  # not of the log: what Python itself says
            self.recent.append(line.decode(errors="replace"))
            return
        if event == "key.published":
            self.published += 1
        if event not in QUIET:
            fields = (f"{name}={record[name]}" for name in SHOWN if name in record)
            self.recent.append(" ".join((f"{at.astimezone():%H:%M:%S}", event, *fields)))
