"""Exits with 0 if the agent is ready, that is, if every key is published, and else with 1.

It asks the socket with the standard library alone: run with `python3 -IS`, it costs 20 ms.
"""

import os
import socket
import sys

SOCKET = os.environ.get("FRESHKEY_SOCKET") or "/run/freshkey/freshkey.sock"
REQUEST = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
TIMEOUT = 2.0  # seconds


def main() -> int:
    """Ask once."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect(SOCKET)
            connection.sendall(REQUEST)
            answer = b""
            while data := connection.recv(4096):
                answer += data
    except OSError as error:
        print(f"{SOCKET}: {error.strerror or error}")
        return 1
    head, _, body = answer.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 200 "):
        return 0
    print(body.decode(errors="replace"))
    return 1


if __name__ == "__main__":
    sys.exit(main())
