"""Measures the socket: answers per second over keep-alive, and how long one takes.

    python bench/unix_socket.py [--seconds 3]

The server runs in a process of its own, as in the agent, with one key; the clients are one more
process. Latencies are the clients': with 64 connections they hold the wait for the 63 others.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import socket
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import trio
from freshkey.core.secret import Secret
from freshkey.core.view import KeyStatus, KeyView, Publication
from freshkey.serve.board import Board
from freshkey.serve.listener import listen
from freshkey.serve.readers import Readers
from freshkey.serve.routes import Routes
from freshkey.serve.server import Limits, serve

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

REQUEST = b"GET /v1/keys/billing HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"


class FixedClock:
    """Tells the same time at every request."""

    def expires_in(self, expires_at: float) -> int:
        """Take the instant for what is left."""
        return int(expires_at)

    def not_after(self, _expires_at: float) -> str:
        """Return some instant."""
        return "2030-01-01T00:00:00Z"


class NoDesk:
    """Takes nothing on."""

    def report(self, name: str, tag: str) -> None:
        """Forget it."""

    def rotate(self, name: str, *, compromised: bool, now: bool) -> None:
        """Forget it."""

    def status(self) -> dict[str, object]:
        """Return nothing."""
        return {}


def record(event: str, **fields: object) -> None:
    """Keep no record."""
    del event, fields


def serve_forever(path: Path, results: Connection) -> None:
    """Run the server until SIGTERM; then send the processor time that it took, in seconds."""
    board = Board(["billing"])
    publication = Publication(7, Secret("sk-svcacct-" + "x" * 100), 1800.0, "key_abc")
    board.show(KeyView("billing", KeyStatus.FRESH, publication))
    routes = Routes(board, FixedClock(), record, NoDesk(), Readers(time.monotonic))

    async def run() -> None:
        stop = trio.Event()
        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            async with trio.open_nursery() as nursery:
                listener = listen(path, mode=0o600)
                await nursery.start(
                    lambda task_status: serve(
                        listener,
                        routes.answer,
                        Limits(),
                        stop=stop,
                        grace=1,
                        task_status=task_status,
                    )
                )
                began = time.process_time()
                results.send(0.0)
                async for _ in signals:
                    results.send(time.process_time() - began)
                    stop.set()
                    break

    trio.run(run)


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
            context = get_context("spawn")
            results, far_end = context.Pipe(duplex=False)
            server = context.Process(target=serve_forever, args=(path, far_end))
            server.start()
            results.recv()
            count, took, latencies = load(path, connections, seconds)
            os.kill(server.pid or 0, signal.SIGTERM)
            processor = results.recv()
            server.join()
            print(
                f"{connections:3} connections: {count / took:7,.0f} requests/s,"
                f" {processor / count * 1e6:4.1f} us of processor each,"
                f" p50 {latencies[len(latencies) // 2] * 1e6:5.0f} us,"
                f" p99 {latencies[len(latencies) * 99 // 100] * 1e6:5.0f} us"
            )


if __name__ == "__main__":
    main()
