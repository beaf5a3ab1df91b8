import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from freshkey.core.model.struct import replace
from freshkey.daemon import hardening
from freshkey.outputs import swapping
from freshkey.settings import Settings
from freshkey.settings.auth import TokenAuth
from freshkey.settings.keys import FileSettings, KeySettings
from freshkey.settings.model import ServerSettings, StateSettings, VaultSettings
from structlog.testing import capture_logs

ROOT = Path(__file__).parents[2]


def settings(tmpfs_path: Path) -> Settings:
    return Settings(
        vault=VaultSettings(addresses=("http://127.0.0.1:8200",)),
        auth=TokenAuth(),
        state=StateSettings(directory=tmpfs_path / "state"),
        keys={"billing": KeySettings(path="x", files=(FileSettings(path=tmpfs_path / "a" / "b"),))},
    )


def test_what_can_not_be_had_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardening, "harden", lambda *, lock_memory: ["no lock"] * lock_memory)
    for wanted, told in ((False, 0), (True, 1)):
        with capture_logs() as events:
            hardening.secure(lock_memory=wanted)
        event = {"event": "process.not_hardened", "message": "no lock", "log_level": "warning"}
        assert events == [event] * told


def swap_warnings(monkeypatch: pytest.MonkeyPatch, swap: tuple[str, ...]) -> list[str]:
    monkeypatch.setattr(swapping, "swap_in_reach", lambda: swap)
    monkeypatch.setattr(swapping, "swappable_mounts", lambda paths: sorted({*map(str, paths)}))
    with capture_logs() as events:
        hardening.warn_of_swap(settings(Path("/memory")))
    return [f"{event['event']} {event['mount']}: {event['message']}" for event in events]


def test_tmpfs_that_could_be_swapped_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert swap_warnings(monkeypatch, ()) == []
    first, second = swap_warnings(monkeypatch, ("/dev/sda2", "/swapfile"))
    assert first.startswith("state.swappable /memory/a: ")
    assert second.startswith("state.swappable /memory/state: ")
    assert "(/dev/sda2, /swapfile)" in first
    assert "noswap" in first


@pytest.fixture
def file_limit() -> Iterator[int]:
    """The hard limit of open files; what a test changes is undone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(("max_connections", "soft"), [(512, 1024), (1200, 1456)])
def test_the_limit_of_open_files_follows_that_of_connections(
    file_limit: int, max_connections: int, soft: int
) -> None:
    with capture_logs() as events:
        hardening.allow_connections(with_connections(max_connections))
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, file_limit)
    assert events == []


def test_more_connections_than_open_files_are_told_of(file_limit: int) -> None:
    with capture_logs() as events:
        hardening.allow_connections(with_connections(file_limit))
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (file_limit, file_limit)
    (event,) = events
    assert event["event"] == "server.too_few_descriptors"
    assert event["message"] == (
        f"server.max_connections = {file_limit} needs {file_limit + 256} open files, and the limit "
        f"is {file_limit}: set LimitNOFILE={file_limit + 256} for the unit (ulimit -Hn)"
    )


def with_connections(count: int) -> Settings:
    return replace(settings(Path("/memory")), server=ServerSettings(max_connections=count))


# In a mount namespace of its own, in which the kernel lists a swap file; then as another user, for
# whom a process that can't be dumped has parts of its own /proc closed.
REAL = """
import ctypes, os, sys
from pathlib import Path
from freshkey.daemon import hardening
from freshkey.logs.setup import configure
from tests.daemon.test_hardening import settings
import freshkey.host.process, subprocess
if ctypes.CDLL(None).unshare(0x00020000):  # CLONE_NEWNS
    sys.exit(3)
subprocess.run(["mount", "--make-rprivate", "/"], check=True)
subprocess.run(["mount", "--bind", sys.argv[1], "/proc/swaps"], check=True)
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
configure("info", "json")
hardening.secure(lock_memory=False)
hardening.warn_of_swap(settings(Path("/dev/shm")))
"""


def test_a_machine_with_swap(tmp_path: Path) -> None:
    swaps = tmp_path / "swaps"
    swaps.write_text("Filename\tType\tSize\tUsed\tPriority\n/swapfile file 1048572 0 -2\n")
    done = subprocess.run(
        [sys.executable, "-c", REAL, str(swaps)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    (event,) = map(json.loads, done.stderr.splitlines())
    assert (event["event"], event["level"]) == ("state.swappable", "warning")
    assert event["mount"] == "/dev/shm"  # noqa: S108 - the mount point, not a file in it
    assert "(/swapfile)" in event["message"]
