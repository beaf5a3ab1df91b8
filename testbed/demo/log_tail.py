"""A file that another process appends lines to, read while it grows."""

from pathlib import Path


class LogTail:
    """Gives each line once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def new_lines(self) -> list[bytes]:
        """Return what was written since the last call; a line that is half written waits."""
        with self._path.open("rb") as file:
            file.seek(self._read)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + len(newline)
        return whole.splitlines()
