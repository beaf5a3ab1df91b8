"""Measures the socket: answers per second over keep-alive, and how long one takes.

    python -m bench.unix_socket [--seconds 3]

The server runs in a process of its own, as in the agent, with one key; the clients are one more
process. Latencies are the clients': with 64 connections they hold the wait for the 63 others.
"""

from __future__ import annotations

import argparse
import select
import socket
import sys
import tempfile
import time
from pathlib import Path

from bench.socket_server import SocketServer

REQUEST = b"GET /v1/keys/billing HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"


def load(path: Path, connections: int, seconds: float) -> tuple[int, float, list[float]]:
    """Keep one request under way on every connection; return count, seconds, and latencies."""
    poll = select.epoll()
    socks: dict[int, socket.socket] = {}
    sent: dict[int, float] = {}
    for _ in range(connections):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(str(path))
        socks[sock.fileno()] = sock
        poll.register(sock.fileno(), select.EPOLLIN)
    now = time.perf_counter
    for number, sock in socks.items():
        sent[number] = now()
        sock.send(REQUEST)
    latencies: list[float] = []
    began = now()
    while now() - began < seconds:
        for number, _ in poll.poll():
            sock = socks[number]
            if not sock.recv(65536).startswith(b"HTTP/1.1 200"):
                sys.exit("an answer is not 200")
            latencies.append(now() - sent[number])
            sent[number] = now()
            sock.send(REQUEST)
    took = now() - began
    for sock in socks.values():
        sock.close()
    return len(latencies), took, sorted(latencies)


def main() -> None:
    """Print one line per number of connections."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=3.0)
    seconds: float = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as directory:
        for connections in (1, 64):
            path = Path(directory) / f"{connections}.sock"
            with SocketServer(path) as server:
                count, took, latencies = load(path, connections, seconds)
                processor = server.stop()
            print(
                f"{connections:3} connections: {count / took:7,.0f} requests/s,"
                f" {processor / count * 1e6:4.1f} us of processor each,"
                f" p50 {latencies[len(latencies) // 2] * 1e6:5.0f} us,"
                f" p99 {latencies[len(latencies) * 99 // 100] * 1e6:5.0f} us"
            )


if __name__ == "__main__":
    main()
