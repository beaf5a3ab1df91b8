"""An application under `freshkey exec --gateway` that calls all the time."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from tests.agent.harness import eventually
from tests.gateway.asking import CHAT

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

# Reads its environment once, as most programs do, and calls until SIGTERM. An agent that is away
# is called again, as by OpenAI's SDK.
APPLICATION = """
import http.client, os, signal, sys, time
from urllib.parse import urlsplit
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
base = urlsplit(os.environ["OPENAI_BASE_URL"])
token = os.environ["OPENAI_API_KEY"]
print(os.getpid(), token, flush=True)
headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
while True:
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=30)
    try:
        connection.request("POST", f"{base.path}/chat/completions", sys.argv[2], headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        status = "away"
    connection.close()
    with open(sys.argv[1], "a") as log:
        log.write(f"{status}\\n")
    time.sleep(0.02)
"""


class Calls:
    """What the command was answered; `statuses` forgets nothing."""

    def __init__(self, log: Path) -> None:
        self.log = log
        log.touch()

    @property
    def statuses(self) -> list[str]:
        return self.log.read_text().splitlines()

    def wait_for_more(self, what: str, status: str = "200") -> None:
        """Wait for two calls that ended with this from now on: the second one began after now."""
        before = self.statuses.count(status)
        eventually(lambda: self.statuses.count(status) > before + 1, what)


def application(calls: Calls) -> tuple[str, ...]:
    return sys.executable, "-c", APPLICATION, str(calls.log), json.dumps(CHAT)


def started(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Return process id and token of the command."""
    assert process.stdout is not None
    child, token = process.stdout.readline().decode().split()
    return int(child), token
