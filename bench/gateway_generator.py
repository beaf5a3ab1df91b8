"""Load on a gateway from the generator in gateway_load/, and the stand-in upstream of upstream/."""

from __future__ import annotations

import json
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bench.generator import LoadError
from bench.program import Program, pinned
from testbed.binaries import BENCH_GATEWAY_LOAD, BENCH_UPSTREAM, binary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN: Final = "bench"  # noqa: S105 - opens nothing


@dataclass(frozen=True)
class Times:
    """Of a distribution, in microseconds."""

    p50: float
    p99: float
    p999: float
    max: float


@dataclass(frozen=True)
class Requests:
    """What connections that ask again at once were answered: `answers` of all that were `asked`.

    `busy` is the generator's share of a processor; for the share `waited` of the time it was ready
    to run, and something else on the machine had the processor: latencies are the machine's then.
    """

    connections: int
    asked: int
    answers: int
    seconds: float
    rate: float
    latency: Times
    busy: float
    waited: float


@dataclass(frozen=True)
class Streams:
    """What streams at the same time brought: all events, each once and in its order.

    `lateness` is the time from an event's sending to its receipt, of the `counted` events that were
    sent after the last stream began; `first` is the time from a request to its first event; the
    rest is as in `Requests`.
    """

    streams: int
    events: int
    counted: int
    seconds: float
    rate: float
    lateness: Times
    first: Times
    busy: float
    waited: float


@contextmanager
def upstream(log: Path, cpu: int | None = None) -> Iterator[tuple[Program, str]]:
    """Run the stand-in for OpenAI; yield it with the address, HOST:PORT, that it listens on."""
    with Program([binary(BENCH_UPSTREAM)], log, cpu) as program:
        program.until(lambda: log.read_text().endswith("\n"))
        yield program, log.read_text().strip()


def one_answer(address: str) -> bytes:
    """Return what a request gets at HOST:PORT, byte by byte: status, headers, and body."""
    host, _, port = address.partition(":")
    request = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    )
    with socket.create_connection((host, int(port))) as sock:
        sock.sendall(request.encode())
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    return answer.replace(b"Connection: close\r\n", b"")


def requests(
    address: str | Path,
    connections: int = 1,
    *,
    seconds: float = 1.0,
    token: str = TOKEN,
    cpu: int | None = None,
) -> Requests:
    """Ask at HOST:PORT, or at the path of a socket, for `seconds` after a short warm-up.

    Raises LoadError at the first answer that is not a whole 200 with its usage.
    """
    options = {"connections": connections, "time": f"{seconds}s", "token": token}
    found = _run("requests", address, options, cpu)
    return Requests(**{**found, "latency": Times(**found["latency"])})


def streams(  # noqa: PLR0913 - what a stream is has five sides
    address: str | Path,
    count: int,
    *,
    events: int,
    rate: float,
    size: int = 8,
    ramp: float = 1.0,
    token: str = TOKEN,
    cpu: int | None = None,
) -> Streams:
    """Read `count` streams at once, each of so many events, at `rate` a second, of `size` bytes.

    They begin within `ramp` seconds. Raises LoadError for an event that is missing or out of order.
    """
    options = {
        "streams": count,
        "events": events,
        "rate": rate,
        "size": size,
        "ramp": f"{ramp}s",
        "token": token,
    }
    found = _run("streams", address, options, cpu)
    times = {name: Times(**found[name]) for name in ("lateness", "first")}
    return Streams(**{**found, **times})


def _run(
    kind: str, address: str | Path, options: dict[str, object], cpu: int | None
) -> dict[str, Any]:
    command = [f"{binary(BENCH_GATEWAY_LOAD)}", kind, f"-address={address}"]
    command += [f"-{name}={value}" for name, value in options.items()]
    with pinned(cpu):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LoadError(done.stderr.strip())
    found: dict[str, Any] = json.loads(done.stdout)
    return found
