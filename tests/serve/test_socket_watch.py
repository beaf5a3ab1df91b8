"""The socket's file while the server runs: taken away, replaced, or changed by somebody else."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from typing import TYPE_CHECKING, Any

import pytest
import trio
from freshkey.sockets.listener import Listener
from freshkey.sockets.socket_watch import LOOK_EVERY, keep_in_place
from structlog.testing import capture_logs

from tests.serve.client import get

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from trio.testing import MockClock

    from tests.serve.client import Client
    from tests.serve.site import Site

KEY = get("/v1/keys/billing")


@pytest.fixture
def told() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


async def look() -> None:
    """Let the server look twice: whatever it does is done once."""
    await trio.sleep(2.2 * LOOK_EVERY)


def events(told: list[Any]) -> list[str]:
    return [line["event"] for line in told]


def remove(path: Path) -> None:
    path.unlink()


def remove_its_directory(path: Path) -> None:
    shutil.rmtree(path.parent)


def move(path: Path) -> None:
    path.rename(path.with_name("moved"))


def leave_a_dead_one(path: Path) -> None:
    path.unlink()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()


def test_it_looks_often_enough() -> None:
    assert LOOK_EVERY < 5, "within 5 s it is there again"


@pytest.mark.parametrize("take", [remove, remove_its_directory, move, leave_a_dead_one])
async def test_it_is_made_anew_and_open_connections_stay(
    site: Site, autojump_clock: MockClock, told: list[Any], take: Callable[[Path], None]
) -> None:
    site.path = site.path.parent / "run" / "freshkey.sock"
    await site.start()
    with site.connect() as early, site.connect() as late:
        assert (await early.ask(KEY)).status == 200
        take(site.path)
        await look()
        assert (await early.ask(KEY)).status == 200
        assert (await late.ask(KEY)).status == 200
    assert await site.serves_others()
    assert stat.S_IMODE(site.path.stat().st_mode) == 0o600
    assert events(told) == ["server.socket_restored"]
    site.stop.asked.set()
    await site.ended.wait()
    assert not site.path.exists()


async def test_who_was_not_accepted_yet_is_answered(
    site: Site, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in the queue of the socket that is given up."""
    restore = Listener.restore
    late: list[Client] = []

    def connect_before(listener: Listener) -> socket.socket | None:
        site.path.with_name("moved").rename(site.path)  # it was there until just now
        late.extend(site.connect() for _ in range(50))
        site.path.unlink()
        return restore(listener)

    await site.start()
    move(site.path)
    with monkeypatch.context() as patch:
        patch.setattr(Listener, "restore", connect_before)
        await look()
    assert len(late) == 50
    for client in late:
        assert (await client.ask(KEY)).status == 200
        client.close()
    assert await site.serves_others()


@pytest.mark.parametrize("again", [1, 3])
async def test_each_time_it_is_told_once(
    site: Site, autojump_clock: MockClock, told: list[Any], again: int
) -> None:
    await site.start()
    for _ in range(again):
        site.path.unlink()
        await look()
        assert await site.serves_others()
    assert events(told) == ["server.socket_restored"] * again


async def test_another_process_that_listens_there_is_left_alone_and_told_of(
    site: Site, autojump_clock: MockClock, told: list[Any]
) -> None:
    await site.start()
    site.path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(site.path))
        other.listen()
        await look()
        await look()
        assert events(told) == ["server.socket_lost"]
        assert f"process {os.getpid()} listens here" in told[0]["message"]
        with site.connect():
            other.accept()[0].close()
    await look()
    assert events(told) == ["server.socket_lost", "server.socket_restored"]
    assert await site.serves_others()


async def test_what_is_no_socket_is_left_alone_and_told_of(
    site: Site, autojump_clock: MockClock, told: list[Any]
) -> None:
    await site.start()
    with site.connect() as client:
        site.path.unlink()
        site.path.write_text("precious")
        await look()
        assert site.path.read_text() == "precious"
        assert events(told) == ["server.socket_lost"]
        assert (await client.ask(KEY)).status == 200
    site.path.unlink()
    await look()
    assert await site.serves_others()
    assert events(told) == ["server.socket_lost", "server.socket_restored"]


async def test_its_mode_is_set_again(
    site: Site, autojump_clock: MockClock, told: list[Any]
) -> None:
    await site.start()
    before = site.path.stat()
    site.path.chmod(0o666)
    await look()
    assert stat.S_IMODE(site.path.stat().st_mode) == 0o600
    assert site.path.stat().st_ino == before.st_ino
    assert events(told) == ["server.socket_restored"]
    assert "mode 0666" in told[0]["change"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a file away")
async def test_its_owner_is_set_again(
    site: Site, autojump_clock: MockClock, told: list[Any]
) -> None:
    await site.start()
    os.chown(site.path, 12345, 54321)
    await look()
    status = site.path.stat()
    assert (status.st_uid, status.st_gid) == (0, 0)
    assert events(told) == ["server.socket_restored"]


async def test_what_systemd_made_is_only_told_of(
    tmp_path: Path, nursery: trio.Nursery, autojump_clock: MockClock, told: list[Any]
) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as inherited:
        inherited.bind(str(path))
        inherited.listen()
        nursery.start_soon(keep_in_place, Listener(inherited, path), socket.socket.close)
        path.chmod(0o666)
        await look()
        assert events(told) == []
        path.rename(tmp_path / "moved")
        await look()
        assert not path.exists()
        assert events(told) == ["server.socket_lost"]
        assert "restart its .socket unit" in told[0]["message"]
        (tmp_path / "moved").rename(path)
        await look()
        assert events(told) == ["server.socket_lost", "server.socket_restored"]
