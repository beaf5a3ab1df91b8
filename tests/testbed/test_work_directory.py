"""The directory of a demo: who may see it, where it is, and when it goes."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from testbed.demo.errors import DemoError, Interrupted
from testbed.demo.workdir import WorkDirectory, find_tmpfs


def end_with(error: Exception | None, *, log: bool) -> WorkDirectory:
    """Let the demo end so; return its work directory."""
    with suppress(type(error) if error else Interrupted), WorkDirectory() as workdir:
        assert workdir.directory.stat().st_mode & 0o777 == 0o700
        assert tempfile.gettempdir() == str(workdir.directory)
        if log:
            (workdir.logs / "agent.log").touch()
        if error:
            raise error
    assert tempfile.gettempdir() != str(workdir.directory)
    return workdir


@pytest.mark.parametrize(
    ("error", "log", "keep"),
    [
        (None, True, False),
        (Interrupted(), True, False),
        (BrokenPipeError(errno.EPIPE, "nobody reads"), True, False),
        (OSError(), False, False),
        (OSError(), True, True),
    ],
)
def test_directory_stays_for_the_logs_of_a_failure_only(
    error: Exception | None, *, log: bool, keep: bool
) -> None:
    workdir = end_with(error, log=log)
    assert workdir.keep == workdir.directory.exists() == keep
    shutil.rmtree(workdir.directory, ignore_errors=not keep)


KILLED = """\
import os, signal
from testbed.demo.workdir import WorkDirectory
from testbed.mounting import small_disk
with WorkDirectory() as workdir:
    point = workdir.directory / "keys"
    point.mkdir()
    with small_disk(point, "64k"):
        (point / "demo").touch()
        print(workdir.directory, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(bool(os.geteuid()), reason="mounting needs root")
def test_directory_goes_with_what_is_mounted_in_it() -> None:
    command = [sys.executable, "-c", KILLED]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    if "MountError" in killed.stderr:
        pytest.skip(killed.stderr.splitlines()[-1])
    assert killed.returncode == -signal.SIGKILL
    directory = Path(killed.stdout.strip())
    deadline = time.monotonic() + 30
    while directory.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert str(directory) not in Path("/proc/self/mounts").read_text()


def test_directory_is_on_tmpfs_with_a_short_path() -> None:
    with WorkDirectory() as workdir:
        too_long = workdir.directory / "l"
        too_long.mkdir()
        with pytest.raises(DemoError, match=f"none of /proc, /none, {too_long} is a writable one"):
            find_tmpfs([Path("/proc"), Path("/none"), too_long])
        parent = workdir.directory.parent
        assert find_tmpfs([Path("/proc"), parent]) == parent
