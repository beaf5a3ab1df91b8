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
from testbed.chaos.site import ROLE
from testbed.chaos.subjects import OVERLAP, Freshkey
from testbed.chaos.trial import Trial, TrialError

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
def unlimited_mints(trial: Trial) -> Iterator[None]:
    """Let the agent mint as often as it is killed."""
    if isinstance(trial.subject, Freshkey):
        text = trial.configuration.read_text()
        trial.configuration.write_text(
            text.replace("[auth]", "max_mints_per_minute = 0\n[auth]", 1)
        )
    yield


def kill_at_every_step(trial: Trial) -> None:
    """Find the steps in a dry run, then kill the agent at each; it is started again at once."""
    kill_at_each = _kill_freshkey if isinstance(trial.subject, Freshkey) else _kill_vault_agent
    steps, kills = kill_at_each(trial)
    if kills < HIT_AT_LEAST * steps or not steps:
        raise TrialError(f"{trial.subject.name} was killed at {kills} of {steps} steps")
    trial.note = f"{kills} kills"


def _kill_freshkey(trial: Trial) -> tuple[int, int]:
    record = trial.site.directory / "strace"
    with tracing.attached(trial.process.pid, record):
        _rotate(trial)
        trial.wait_for(lambda: trial.site.counts()["live"] == 1, "end of the overlap")
    steps, kills = tracing.steps(record), 0
    for step in steps:
        kills += any(_kill_at(step, trial, record) for _ in range(ATTEMPTS))
    _rotate(trial)
    trial.wait(2 * OVERLAP)  # what was abandoned and has a lease ends with its token, after that
    return len(steps), kills


def _kill_at(step: int, trial: Trial, record: Path) -> bool:
    """Kill the agent at one step of a rotation, and start it again; tell whether that came."""
    options = tracing.kill_at(step, *tracing.CALLS)
    with tracing.attached(trial.process.pid, record, *options):
        _ask_for_rotation(trial)
        killed = _was_killed(trial)
    if killed:
        trial.start()
    trial.wait_for(lambda: _listens(trial), "answer")
    return killed


def _kill_vault_agent(trial: Trial) -> tuple[int, int]:
    record = trial.site.directory / "strace"
    trial.process.kill()
    trial.prefix = [*tracing.traced(record, *OF_VAULT_AGENT, options=[])]
    before = trial.key_in_file()
    trial.start()
    trial.wait_for(lambda: trial.key_in_file() != before, "new key")
    trial.process.kill()
    steps = [
        (call, number)
        for call in OF_VAULT_AGENT
        for number in range(1, tracing.count(record, call) + 1)
    ]
    kills = 0
    for call, number in steps:
        options = tracing.kill_at(number, call)
        trial.prefix = [*tracing.traced(record, call, options=options)]
        trial.start()
        kills += _was_killed(trial)
        trial.process.kill()
    trial.prefix = []
    trial.start()
    return len(steps), kills


def _was_killed(trial: Trial) -> bool:
    """Wait for the end that was injected."""
    try:
        trial.process.wait(ROTATES_WITHIN)
    except subprocess.TimeoutExpired:
        return False
    return True


def _rotate(trial: Trial) -> None:
    before = trial.key_in_file()
    _ask_for_rotation(trial)
    trial.wait_for(lambda: trial.key_in_file() != before, "new key")


def _ask_for_rotation(trial: Trial) -> None:
    # The kill may come before the answer, and at a step of something else even before this.
    with suppress(ConnectionError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(trial.site.directory / "freshkey.sock"))
        connection.sendall(_ROTATE)
        connection.recv(1)


def _listens(trial: Trial) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(trial.site.directory / "freshkey.sock")) == 0
