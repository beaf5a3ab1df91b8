"""systemd's journal, with the fields of an event as its fields: `journalctl FRESHKEY_KEY=billing`.

https://systemd.io/JOURNAL_NATIVE_PROTOCOL/
"""

from __future__ import annotations

import json
import os
import re
import socket
from functools import cache
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ADDRESS: Final = "/run/systemd/journal/socket"
_PRIORITIES: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}  # syslog(3)
_IN_THE_ENTRY: Final = ("timestamp", "level", "event", "exception")
_PLAIN: Final = re.compile(r'[^\s"=]+')
_NAME_LENGTH: Final = 64  # characters of a field's name, at most


def is_behind(descriptor: int) -> bool:
    """Whether what is written to the descriptor goes to the journal (systemd.exec(5))."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return (device, inode) == (f"{status.st_dev}", f"{status.st_ino}")


@cache
def journal() -> Journal:
    """Return the journal of this machine."""
    return Journal()


@final
class Journal:
    """Sends lines of JSON to the journal, and others to where they would have gone without it."""

    def __init__(self, address: str = ADDRESS) -> None:
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def write(self, descriptor: int, data: bytes) -> int:
        """Write the first line of `data`; return how many bytes of it went out.

        What the journal does not take (it is away, or the entry is too large) goes to
        `descriptor`. May block, like write(2), and raises OSError as that does.
        """
        line, newline, _ = data.partition(b"\n")
        length = len(line) + len(newline)
        entry = _entry(line)
        if entry is not None and self._send(entry):
            return length
        return os.write(descriptor, data[:length])

    def close(self) -> None:
        """Give the socket back; nothing may be written any more."""
        self._socket.close()

    def _send(self, entry: bytes) -> bool:
        try:
            self._socket.sendto(entry, self._address)
        except OSError:
            return False
        return True


def _entry(line: bytes) -> bytes | None:
    """Return the entry for a line, None if it is no event in JSON."""
    try:
        event = json.loads(line)
        priority = _PRIORITIES[event["level"]]
        fields = {"MESSAGE": _message(event), "PRIORITY": priority, "SYSLOG_IDENTIFIER": "freshkey"}
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    own = {_name(name): _text(value) for name, value in event.items() if value is not None}
    return b"".join(_field(name, f"{value}") for name, value in {**own, **fields}.items())


def _message(event: Mapping[str, Any]) -> str:
    """Say the event in a line for people; a traceback follows on lines of its own."""
    head = " ".join((event["event"], *_pairs(event)))
    return f"{head}\n{event['exception']}" if event.get("exception") else head


def _pairs(event: Mapping[str, Any]) -> Iterator[str]:
    for name, value in event.items():
        if name not in _IN_THE_ENTRY:
            text = _text(value)
            yield f"{name}={text if _PLAIN.fullmatch(text) else json.dumps(text)}"


def _name(name: str) -> str:
    return f"FRESHKEY_{re.sub('[^A-Z0-9_]', '_', name.upper())}"[:_NAME_LENGTH]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _field(name: str, value: str) -> bytes:
    data = value.encode(errors="backslashreplace")
    if b"\n" in data:
        return b"%b\n%b%b\n" % (name.encode(), len(data).to_bytes(8, "little"), data)
    return b"%b=%b\n" % (name.encode(), data)
