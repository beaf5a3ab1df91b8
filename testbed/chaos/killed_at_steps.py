"""`kill -9` at every step of a rotation: as each system call begins that changes a file.

Freshkey is killed in rotations that it is asked for. Vault Agent can't be asked: it is killed while
it writes the key of a new start, at those calls that its runtime makes for nothing else.
"""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from testbed.chaos import tracing
from testbed.chaos.agent_run import AgentRun, AgentRunError
from testbed.chaos.site import ROLE
from testbed.chaos.subjects import OVERLAP, Freshkey

LEASE: Final = 300
"""Seconds: an agent that is killed in each of its rotations gets no key before the last of them."""

ROTATES_WITHIN: Final = 15.0
"""Seconds until a rotation that was to be killed counts as one that had fewer steps."""

ATTEMPTS: Final = 2
HIT_AT_LEAST: Final = 0.9
"""The share of the steps at which a kill has to have come: rotations differ by a call or two."""

ABANDONED: Final = 12
"""A third of the kills: those between the intent of a mint, which is in the journal, and its lease.
A rotation has 36 steps."""

OF_VAULT_AGENT: Final = ("fsync", "fchmodat", "renameat", "unlinkat")
_ROTATE: Final = (
    f"POST /v1/keys/{ROLE}/rotate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}"
).encode()


@contextmanager
def unlimited_mints(agent_run: AgentRun) -> Iterator[None]:
    """Let the agent mint as often as it is killed."""
    if isinstance(agent_run.subject, Freshkey):
        text = agent_run.configuration.read_text()
        agent_run.configuration.write_text(
            text.replace("[auth]", "max_mints_per_minute = 0\n[auth]", 1)
        )
    yield


def kill_at_every_step(agent_run: AgentRun) -> None:
    """Find the steps in a dry run, then kill the agent at each; it is started again at once."""
    kill_at_each = _kill_freshkey if isinstance(agent_run.subject, Freshkey) else _kill_vault_agent
    steps, kills = kill_at_each(agent_run)
    if kills < HIT_AT_LEAST * steps or not steps:
        raise AgentRunError(f"{agent_run.subject.name} was killed at {kills} of {steps} steps")
    agent_run.note = f"{kills} kills"


def _kill_freshkey(agent_run: AgentRun) -> tuple[int, int]:
    record = agent_run.site.directory / "strace"
    with tracing.attached(agent_run.process.pid, record):
        _rotate(agent_run)
        agent_run.wait_for(lambda: agent_run.site.counts()["live"] == 1, "end of the overlap")
    steps, kills = tracing.steps(record), 0
    for step in steps:
        kills += any(_kill_at(step, agent_run, record) for _ in range(ATTEMPTS))
    _rotate(agent_run)
    # What was abandoned and has a lease ends with its token, after that.
    agent_run.wait(2 * OVERLAP)
    return len(steps), kills


def _kill_at(step: int, agent_run: AgentRun, record: Path) -> bool:
    """Kill the agent at one step of a rotation, and start it again; tell whether that came."""
    options = tracing.kill_at(step, *tracing.CALLS)
    with tracing.attached(agent_run.process.pid, record, *options):
        _ask_for_rotation(agent_run)
        killed = _was_killed(agent_run)
    if killed:
        agent_run.start()
    agent_run.wait_for(lambda: _listens(agent_run), "answer")
    return killed


def _kill_vault_agent(agent_run: AgentRun) -> tuple[int, int]:
    record = agent_run.site.directory / "strace"
    agent_run.process.kill()
    agent_run.prefix = [*tracing.traced(record, *OF_VAULT_AGENT, options=[])]
    before = agent_run.key_in_file()
    agent_run.start()
    agent_run.wait_for(lambda: agent_run.key_in_file() != before, "new key")
    agent_run.process.kill()
    steps = [
        (call, number)
        for call in OF_VAULT_AGENT
        for number in range(1, tracing.count(record, call) + 1)
    ]
    kills = 0
    for call, number in steps:
        options = tracing.kill_at(number, call)
        agent_run.prefix = [*tracing.traced(record, call, options=options)]
        agent_run.start()
        kills += _was_killed(agent_run)
        agent_run.process.kill()
    agent_run.prefix = []
    agent_run.start()
    return len(steps), kills


def _was_killed(agent_run: AgentRun) -> bool:
    """Wait for the end that was injected."""
    try:
        agent_run.process.wait(ROTATES_WITHIN)
    except subprocess.TimeoutExpired:
        return False
    return True


def _rotate(agent_run: AgentRun) -> None:
    before = agent_run.key_in_file()
    _ask_for_rotation(agent_run)
    agent_run.wait_for(lambda: agent_run.key_in_file() != before, "new key")


def _ask_for_rotation(agent_run: AgentRun) -> None:
    # The kill may come before the answer, and at a step of something else even before this.
    with suppress(ConnectionError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(agent_run.site.directory / "freshkey.sock"))
        connection.sendall(_ROTATE)
        connection.recv(1)


def _listens(agent_run: AgentRun) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(agent_run.site.directory / "freshkey.sock")) == 0
