"""Large files through the gateway: its memory stays flat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.agent.harness import Agent

pytestmark = [pytest.mark.gateway, pytest.mark.timeout(300)]

MEBIBYTE = 1 << 20
FILE_SIZE = 512 * MEBIBYTE
GROWTH = 24 * MEBIBYTE  # of a process that passes twenty times as much


def resident(agent: Agent) -> int:
    assert agent.process is not None
    with open(f"/proc/{agent.process.pid}/status") as file:  # noqa: PTH123 - not a path of ours
        (line,) = (line for line in file if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def test_memory_stays_flat_whatever_passes(agent: Agent, port: int) -> None:
    """Half a gibibyte up and down: the most that was ever resident hardly grows."""
    part = b"x" * MEBIBYTE
    before = resident(agent)

    def pieces() -> Iterator[bytes]:
        yield b'--b0\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
        yield b'--b0\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(FILE_SIZE // MEBIBYTE):
            yield part
        yield b"\r\n--b0--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b0", "Authorization": "Bearer any"}
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as http:
        made = http.post("/v1/files", content=pieces(), headers=headers).raise_for_status().json()
        assert made["bytes"] == FILE_SIZE
        size = 0
        path = f"/v1/files/{made['id']}/content"
        with http.stream("GET", path, headers={"Authorization": "Bearer any"}) as answer:
            for data in answer.iter_raw():
                size += len(data)
        assert size == FILE_SIZE
    assert resident(agent) - before < GROWTH
