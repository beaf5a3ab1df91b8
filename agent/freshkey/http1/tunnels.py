"""The answer to CONNECT.

Source: https://www.rfc-editor.org/rfc/rfc9110#name-connect
"""

from __future__ import annotations

import re
from http import HTTPStatus
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Final

from freshkey.http1.answers import BadAnswerError

if TYPE_CHECKING:
    import socket

_LARGEST: Final = 16 * 1024  # bytes of a head
_STATUS_LINE: Final = rb"HTTP/1\.[01] ([1-5][0-9][0-9])[ \r\n]"
_SHORTEST: Final = len(b"HTTP/1.1 200\n")
_END: Final = rb"\r?\n\r?\n"
_MOST_OF_AN_END: Final = len(b"\r\n\r")  # what may have come of it


def read_status(sock: socket.socket) -> int:
    """Read an answer up to its body, which is the tunnel's; none of its headers counts.

    The socket's timeout is one for the whole. Raises BadAnswerError, and OSError.
    """
    seconds = sock.gettimeout()
    ends = monotonic() + (inf if seconds is None else seconds)
    head, searched = bytearray(), 0
    try:
        while True:
            status = re.match(_STATUS_LINE, head)
            if status is None and len(head) >= _SHORTEST:
                raise BadAnswerError("it is not HTTP/1.1")
            end = re.compile(_END).search(head, searched, _LARGEST)
            if status is None or end is None:
                if len(head) >= _LARGEST:
                    raise BadAnswerError("its headers are too large")
                searched = max(0, len(head) - _MOST_OF_AN_END)
                if (left := ends - monotonic()) <= 0:
                    raise TimeoutError
                sock.settimeout(left if left < inf else None)
                if not (received := sock.recv(_LARGEST)):
                    raise BadAnswerError("the connection ended before the answer was whole")
                head += received
            elif int(status[1]) < HTTPStatus.OK:  # it is only said that an answer follows
                head, searched = head[end.end() :], 0
            else:
                return int(status[1])
    finally:
        sock.settimeout(seconds)
