"""Run the emulator: `python -m testbed.emulator --port 0 --port-file PATH`."""

import argparse
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import uvicorn

from testbed.emulator.app import create_app
from testbed.emulator.connections import Connections

KEEP_ALIVE = 75
"""Seconds: longer than clients keep idle connections, so that they don't reuse a closing one."""


def main() -> int:
    """Serve on the loopback interface until SIGTERM or SIGINT; return the exit status."""
    arguments = _arguments()
    # Without the protocol asyncio leaves Nagle's algorithm on: 40 ms for every answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", arguments.port))
    except (OSError, OverflowError) as error:
        print(f"emulator: can't listen on 127.0.0.1:{arguments.port}: {error}", file=sys.stderr)
        return 1
    listener.listen(128)
    if arguments.until_stdin_closes:
        threading.Thread(target=_wait_for_end_of_stdin, daemon=True).start()
    # It warns of forms that are answered with a 400: the log is for the emulator's own faults.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    connections = Connections()
    config = uvicorn.Config(
        create_app(_steady_clock(), connections.abort_connection),
        http=connections.protocol(),
        # The official client speaks Realtime with `websockets`, too: one library for both ends.
        ws="websockets-sansio",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=0,
    )
    with contextlib.suppress(KeyboardInterrupt):
        # The socket listens already: a request that comes now waits for the server.
        _announce(listener.getsockname()[1], arguments.port_file)
        uvicorn.Server(config).run(sockets=[listener])
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m testbed.emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--port-file", type=Path, help="where to write the port")
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="end with whoever holds its stdin"
    )
    return parser.parse_args()


def _steady_clock() -> Callable[[], float]:
    """Return a clock of Unix seconds that a jump of the wall clock doesn't move."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


def _announce(port: int, port_file: Path | None) -> None:
    print(port, flush=True)
    if port_file is not None:
        # Renamed into place, so that a reader never finds half a number.
        partial = port_file.with_name(f".{port_file.name}.new")
        partial.write_text(f"{port}\n")
        partial.rename(port_file)


def _wait_for_end_of_stdin() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
