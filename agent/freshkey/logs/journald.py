"""systemd's journal, with the fields of an event as its fields: `journalctl FRESHKEY_KEY=billing`.

https://systemd.io/JOURNAL_NATIVE_PROTOCOL/
"""

from __future__ import annotations

import json
import os
import re
import socket
from functools import cache
from typing import Final, final

ADDRESS: Final = "/run/systemd/journal/socket"
_PRIORITIES: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}  # syslog(3)
_OF_ALL: Final = b"SYSLOG_IDENTIFIER=freshkey\nSYSLOG_FACILITY=3\n"  # LOG_DAEMON
_IN_THE_ENTRY: Final = frozenset({"timestamp", "level", "event", "exception"})
_PLAIN: Final = re.compile(r'[^\s"=]+')
_NAME_LENGTH: Final = 64  # characters of a field's name, at most


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
        """Write lines; return how many bytes of them went out.

        What the journal does not take (it is away, or the entry is too large) goes to
        `descriptor`. May block, like write(2), and raises OSError as that does.
        """
        begin = 0
        while begin < len(data):
            end = data.find(b"\n", begin) + 1 or len(data)
            entry = _entry(data[begin:end])
            if entry is None or not self._send(entry):
                # This may fail, so what went out before is told first.
                return begin or os.write(descriptor, data[:end])
            begin = end
        return begin

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
        head = [event["event"]]
        fields = [_OF_ALL, b"PRIORITY=%d\n" % _PRIORITIES[event["level"]]]
        for name, value in event.items():
            text = value if isinstance(value, str) else json.dumps(value)
            fields.append(_field(_name(name), text))
            if name not in _IN_THE_ENTRY:
                head.append(f"{name}={text if _PLAIN.fullmatch(text) else json.dumps(text)}")
        message = " ".join(head)
    except (AttributeError, ValueError, TypeError, KeyError, RecursionError):
        return None
    if event.get("exception"):  # a traceback follows, on lines of its own
        message = f"{message}\n{event['exception']}"
    return b"".join((*fields, _field(b"MESSAGE", message)))


@cache
def _name(name: str) -> bytes:
    return f"FRESHKEY_{re.sub('[^A-Z0-9_]', '_', name.upper())}"[:_NAME_LENGTH].encode()


def _field(name: bytes, value: str) -> bytes:
    data = value.encode(errors="backslashreplace")
    if b"\n" in data:
        return b"%b\n%b%b\n" % (name, len(data).to_bytes(8, "little"), data)
    return b"%b=%b\n" % (name, data)
