from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from freshkey.host.imports import UNUSED

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Agent

SLOW = {"hvac", "httpx", "prometheus_client", "requests"}
LEFT_OUT = {name for names in UNUSED.values() for name in names}

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

# The agent, which tells what is imported when it has a key to write.
FROM_NOTHING = """
import os, sys
from freshkey.cli.main import main

def tell(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith("billing"):
        print(*sys.modules, flush=True)
        os._exit(0)

sys.addaudithook(tell)
main(sys.argv[2:])
"""


def run(script: str, agent: Agent) -> list[str]:
    arguments = [str(agent.directory), "run", "--config", str(agent.config)]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.stdout.split()


def test_keys_of_the_journal_are_served_before_anything_slow_is_imported(
    make_agent: Callable[..., Agent],
) -> None:
    agent = make_agent()
    agent.start()
    agent.wait_for_key()
    agent.end(signal.SIGKILL)
    (agent.directory / "freshkey.sock").unlink()
    status, *imported = run(WAITED_FOR, agent)
    assert status == "200"
    assert "trio" in imported
    assert not SLOW & set(imported)


def test_files_that_are_lost_are_written_before_trio_is_imported(
    make_agent: Callable[..., Agent],
) -> None:
    agent = make_agent()
    agent.start()
    tag = agent.wait_for_key()["tag"]
    agent.end(signal.SIGKILL)
    agent.key_file.unlink()
    imported = run(FROM_NOTHING, agent)
    assert "freshkey.daemon.lost_files" in imported
    assert not (SLOW | {"trio"}) & set(imported)
    agent.start()
    assert agent.wait_for_key()["tag"] == tag


def test_what_is_never_used_is_not_imported(make_agent: Callable[..., Agent]) -> None:
    imported = set(run(FROM_NOTHING, make_agent()))
    assert {"hvac", "httpx"} <= imported
    assert not (LEFT_OUT | {"urllib3", "click", "difflib", "importlib.metadata"}) & imported
