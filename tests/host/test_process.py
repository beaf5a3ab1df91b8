import json
import subprocess
import sys

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
