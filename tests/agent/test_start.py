from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Agent

SLOW = {"hvac", "httpx", "prometheus_client", "requests"}

# A reader who waits before the agent starts, as with socket activation; then the agent, which
# tells what is imported by the time it has answered.
WAITED_FOR = """
import os, socket, sys
from freshkey.cli.main import main
from freshkey.serve.routes import Routes

directory, *arguments = sys.argv[1:]
listening = socket.socket(socket.AF_UNIX)
listening.bind(f"{directory}/freshkey.sock")
listening.listen()
reader = socket.socket(socket.AF_UNIX)
reader.connect(f"{directory}/freshkey.sock")
reader.send(b"GET /v1/keys/billing HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
reader = os.dup(reader.detach())  # descriptor 3 is free for the one that systemd would pass
os.dup2(listening.detach(), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
answer = Routes.answer

def answer_and_tell(*request):
    response = answer(*request)
    print(response.status, *sys.modules, flush=True)
    os._exit(0)

Routes.answer = answer_and_tell
main(arguments)
"""


def test_keys_of_the_journal_are_served_before_anything_slow_is_imported(
    make_agent: Callable[..., Agent],
) -> None:
    agent = make_agent()
    agent.start()
    agent.wait_for_key()
    agent.end(signal.SIGKILL)
    (agent.directory / "freshkey.sock").unlink()
    arguments = [str(agent.directory), "run", "--config", str(agent.config)]
    done = subprocess.run(
        [sys.executable, "-c", WAITED_FOR, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    status, *imported = done.stdout.split()
    assert status == "200", done.stderr
    assert "trio" in imported
    assert not SLOW & set(imported)
