"""The emulator as a process."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.emulator.process import ROOT, EmulatorError, OpenAIServer


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def test_a_wrong_knob_is_named(server: OpenAIServer) -> None:
    with pytest.raises(EmulatorError, match="actvation_delay: unknown setting"):
        server.configure(actvation_delay=1)  # type: ignore[call-arg]  # that is the test


def test_it_listens_on_loopback_only(server: OpenAIServer) -> None:
    ports = [
        line.split()[1]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    assert [address for address in ports if address.endswith(f":{server.port:04X}")] == [
        f"0100007F:{server.port:04X}"
    ]


def test_it_ends_with_whoever_started_it() -> None:
    program = (
        "import os, time\n"
        "from testbed.emulator.process import OpenAIServer\n"
        "server = OpenAIServer()\n"
        "server.start()\n"
        "print(server.port, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        assert listens(port)
        parent.kill()
    end = time.monotonic() + 5
    while listens(port):
        assert time.monotonic() < end
        time.sleep(0.01)


def listens(port: int) -> bool:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=2)) as attempt:
        try:
            attempt.connect()
        except ConnectionRefusedError:
            return False
    return True


def test_the_command_prints_its_port_and_stops_when_told() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "testbed.emulator"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as command:
        assert command.stdout is not None
        assert listens(int(command.stdout.readline()))
        os.kill(command.pid, signal.SIGINT)
        assert command.wait(timeout=5) == 0


def test_a_port_in_use_is_said_in_one_line(server: OpenAIServer) -> None:
    command = [sys.executable, "-m", "testbed.emulator", "--port", str(server.port)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"emulator: can't listen on 127.0.0.1:{server.port}: ")
    assert done.stderr.count("\n") == 1
