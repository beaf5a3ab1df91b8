import json
import subprocess
import sys

CANARY = "CANARY"
SHAPED = f"sk-svcacct-{CANARY}0123456789"
KNOWN = f'{CANARY} "of\\no/shape'
CRASHING = f"""
import threading
from freshkey.core.model.secret import Secret
from freshkey.logs.redact import add_secret
from freshkey.logs.setup import configure
canary = {KNOWN!r}
add_secret(Secret(canary))
configure("info", "json")
def crash():
    local = canary
    raise ValueError(local, {SHAPED!r})
class Owner:
    def __del__(self):
        crash()
Owner()
thread = threading.Thread(target=crash, name={SHAPED!r})
thread.start()
thread.join()
crash()
"""


def test_a_crash_of_any_kind_is_one_masked_event() -> None:
    done = subprocess.run(
        [sys.executable, "-"], input=CRASHING, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert CANARY not in done.stdout + done.stderr
    events = [json.loads(line) for line in done.stderr.splitlines()]
    names = ["finalizer.failed", "thread.crashed", "process.crashed"]
    assert [event["event"] for event in events] == names
    assert all("ValueError: ('***', '***')" in event["exception"] for event in events)
    assert events[1]["thread"] == "***"


def test_redaction_alone_needs_no_logging_library() -> None:
    program = "import sys, freshkey.logs.redact; print('structlog' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "False\n"
