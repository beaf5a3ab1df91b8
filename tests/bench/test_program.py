"""What runs a program under measurement leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.program import ROOT

BENCH = """\
import os, sys
from pathlib import Path
from bench.program import Program
idle = [sys.executable, "-c", "import time; time.sleep(60)"]
log = Path(sys.argv[1])
with Program(idle, log):
    pass
with Program(idle, log) as one, Program(idle, log) as other:
    print(one.pid, other.pid, flush=True)
    os.kill(os.getpid(), int(sys.argv[2]))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_programs_do_not_outlive_a_bench(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", BENCH, str(tmp_path / "log"), str(number.value)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == -number, ended.stderr
    pids = [int(pid) for pid in ended.stdout.split()]
    assert len(pids) == 2
    deadline = time.monotonic() + 30
    while any(_runs(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"  # proc(5); not every init takes note of an end
