import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

# In a process of its own: what is set can't be taken back.
HARDENED = """
import ctypes, json, os, resource
from freshkey.host.process import harden
notes = harden()
dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)  # PR_GET_DUMPABLE
print(json.dumps({
    "notes": notes,
    "dumpable": dumpable,
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "umask": os.umask(0),
    "owner": os.stat("/proc/self/environ").st_uid,
}))
"""

REFUSED = """
import resource
from freshkey.host import process
def refuse(*_):
    raise ValueError("not allowed to raise maximum limit")
resource.setrlimit = refuse
process._PR_SET_DUMPABLE = 999999
print("\\n".join(process.harden()))
"""


def run(program: str) -> str:
    return subprocess.check_output([sys.executable, "-c", program], text=True)


def test_a_hardened_process_is_closed() -> None:
    assert json.loads(run(HARDENED)) == {
        "notes": [],
        "dumpable": 0,
        "core": [0, 0],
        "umask": 0o077,
        "owner": 0,
    }


def test_what_can_not_be_had_is_told_a_line_each() -> None:
    dumps, core = run(REFUSED).splitlines()
    assert "PR_SET_DUMPABLE: Invalid argument" in dumps
    assert "RLIMIT_CORE: not allowed" in core


def test_it_still_knows_its_mounts_and_descriptors() -> None:
    program = """
from pathlib import Path
from freshkey.host.process import harden
from freshkey.outputs.directories import is_memory_backed
before = is_memory_backed(Path("/dev/shm"))
harden()
print(is_memory_backed(Path("/dev/shm")) == before)
"""
    assert run(program) == "True\n"


LOCKED = """
import json, os, resource, threading
from freshkey.host.process import harden
#drop
before = resource.getrlimit(resource.RLIMIT_MEMLOCK)
notes = harden(lock_memory=True)
threads = [threading.Thread(target=bytearray, args=(1 << 20,)) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
kilobytes = {name: int(status[name].split()[0]) for name in ("VmLck", "VmSize", "VmRSS")}
after = resource.getrlimit(resource.RLIMIT_MEMLOCK)
print(json.dumps({"notes": notes, "kept": before == after, **kilobytes}))
"""

DROP = """
resource.setrlimit(resource.RLIMIT_MEMLOCK, (1 << 16, 1 << 16))
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
"""

PRETENDED = """
import ctypes, resource
from freshkey.host import process
class Seccomp:
    def __init__(self, *_, **__): pass
    def prctl(self, option, *_): return 0 if option == process._PR_SET_DUMPABLE else 1
    def mlockall(self, _): return 0
ctypes.CDLL = Seccomp
resource.setrlimit = lambda *_: None
resource.getrlimit = lambda _: (1, 1)
print("\\n".join(process.harden(lock_memory=True)))
"""


def may_lock() -> bool:
    (line,) = re.findall(r"^CapEff:\s+(\S+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    return bool(int(line, 16) & 1 << 14)


@pytest.mark.skipif(not may_lock(), reason="locking all memory needs CAP_IPC_LOCK")
def test_memory_is_locked_on_request() -> None:
    locked = json.loads(run(LOCKED))
    assert (locked["notes"], locked["kept"]) == ([], True)
    assert locked["VmLck"] > locked["VmSize"] / 2
    assert locked["VmRSS"] < locked["VmSize"] / 2  # what nobody has touched is not paid for
    assert json.loads(run(LOCKED.replace("lock_memory=True", "")))["VmLck"] == 0


def test_a_limit_that_would_fail_later_is_told_at_once() -> None:
    locked = json.loads(run(LOCKED.replace("#drop", DROP)))
    (note,) = locked["notes"]
    assert "mlockall: Operation not permitted" in note
    assert "LimitMEMLOCK=infinity" in note
    assert locked["VmLck"] == 0
    assert locked["kept"]


def test_a_sandbox_that_only_pretends_is_seen_through() -> None:
    dumps, core, memory = run(PRETENDED).splitlines()
    assert "PR_SET_DUMPABLE: had no effect" in dumps
    assert "RLIMIT_CORE: had no effect" in core
    assert "mlockall: had no effect" in memory
