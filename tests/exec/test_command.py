"""The command finds what `freshkey exec` found, and ends as it would without it."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.exec.agent import key
from tests.exec.processes import TALKER, ended, line, talker
from tests.support.inherited_signals import HOW, with_signals

if TYPE_CHECKING:
    from tests.exec.agent import EventsAgent
    from tests.exec.processes import Execute

STATE = """
import json, os, resource, signal
status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines())
print(json.dumps({
    "umask": status["Umask"],
    "blocked": status["SigBlk"],
    "ignored": int(status["SigIgn"], 16) & ~(3 << 31),  # glibc has 32 and 33 for itself
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "files": resource.getrlimit(resource.RLIMIT_NOFILE),
    "descriptors": sorted(os.listdir("/proc/self/fd"), key=int),
}))
"""


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--env", "A", "--", "true"],
        ["--env", "1A=billing", "--", "true"],
        ["--env", "A=Billing", "--", "true"],
        ["--env", "A=billing", "--env", "A=search", "--", "true"],
        ["--signal", "NONE", "--", "true"],
        ["--on-change", "reload", "--", "true"],
        ["--stop-timeout", "soon", "--", "true"],
    ],
)
def test_wrong_usage(execute: Execute, agent: EventsAgent, arguments: list[str]) -> None:
    code, out, err = ended(execute(*arguments))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert not agent.last_ids


def test_arguments_are_the_commands_own(execute: Execute, agent: EventsAgent) -> None:
    agent.publish(1)
    process = execute("--", "printf", "%s|", "--env", "--", "-x", "")
    assert ended(process) == (0, "--env|--|-x||", "")


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["true"], 0),
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -9 $$"], 128 + 9),
        (["sh", "-c", "kill -TERM $$"], 128 + 15),
    ],
)
def test_the_status(execute: Execute, agent: EventsAgent, command: list[str], status: int) -> None:
    agent.publish(1)
    assert ended(execute("--", *command)) == (status, "", "")


@pytest.mark.parametrize(
    ("command", "status", "why"),
    [
        ("no-such-command", 127, "there is no such command"),
        ("/etc/passwd/none", 127, "there is no such command"),
        ("/etc/passwd", 126, "can't be executed: Permission denied"),
        ("", 127, "there is no command without a name: name one after --"),
    ],
)
def test_a_command_that_can_not_be_started(
    execute: Execute, agent: EventsAgent, command: str, status: int, why: str
) -> None:
    agent.publish(1)
    code, out, err = ended(execute("--", command))
    assert (code, out, err.count("\n")) == (status, "", 1)
    name = command or "''"
    assert err.startswith(f"freshkey: {name}: {why}")


def test_a_key_is_in_the_childs_environment_alone(execute: Execute, agent: EventsAgent) -> None:
    agent.publish(1)
    process = execute("--", sys.executable, "-c", TALKER)
    child = line(process).split()[1]
    own, other = Path("/proc", str(process.pid)), Path("/proc", child)
    assert key(1).encode() in (other / "environ").read_bytes()
    for file in (own / "environ", own / "cmdline", other / "cmdline"):
        assert key(1).encode() not in file.read_bytes()


def states(execute: Execute, *before: str) -> tuple[dict[str, object], dict[str, object]]:
    """What a command finds under exec, and what it finds without it."""
    command = [sys.executable, "-c", STATE]
    code, out, err = ended(execute("--", *command, before=before))
    assert (code, err) == (0, "")
    alone = subprocess.run([*before, *command], capture_output=True, check=True)
    return json.loads(out), json.loads(alone.stdout)


@pytest.mark.parametrize(
    "before",
    [
        (),
        ("sh", "-c", 'umask 027; ulimit -S -n 100; ulimit -S -c 512; exec "$@"', "sh"),
        ("sh", "-c", 'ulimit -c 0; exec 7</dev/null; exec "$@"', "sh"),
        *(with_signals(how) for how in HOW),
    ],
    ids=["as here", "umask and limits", "no core and a descriptor", *HOW],
)
def test_the_command_finds_what_exec_found(
    execute: Execute, agent: EventsAgent, before: tuple[str, ...]
) -> None:
    agent.publish(1)
    under, alone = states(execute, *before)
    assert under == alone


def test_a_core_limit_that_only_root_could_raise(execute: Execute, agent: EventsAgent) -> None:
    """The hard limit of exec itself stays as it was, so the child's can be what it was."""
    process = talker(execute, agent)
    limits = resource.prlimit(process.pid, resource.RLIMIT_CORE)
    assert limits[0] in {0, 1}
    assert limits[1] == resource.getrlimit(resource.RLIMIT_CORE)[1]


def test_signals_that_were_ignored_reach_a_command_that_wants_them(
    execute: Execute, agent: EventsAgent
) -> None:
    agent.publish(1)
    process = execute("--", sys.executable, "-c", TALKER, before=with_signals("ignored"))
    line(process)
    process.send_signal(signal.SIGHUP)
    assert line(process) == "SIGHUP"


def test_a_closed_output_is_the_commands_business(agent: EventsAgent) -> None:
    agent.publish(1)
    command = f"exec {sys.executable} -m freshkey exec -- sh -c 'exit 5' >&-"
    environment = {"PATH": os.defpath, "FRESHKEY_SOCKET": str(agent.path)}
    done = subprocess.run(["sh", "-c", command], env=environment, check=False, timeout=60)
    assert done.returncode == 5


def test_process_1_reaps_orphans(execute: Execute, agent: EventsAgent) -> None:
    unshare = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    allowed = subprocess.run([*unshare, "true"], capture_output=True, check=False)
    if allowed.returncode:
        pytest.skip(f"a process namespace of its own is not permitted: {allowed.stderr!r}")
    agent.publish(1)
    # The orphan's parent, a subshell, ends at once; then the orphan does.
    script = (
        "(sh -c 'exit 3' & sleep 0.2 & :); "
        "while [ -d /proc/1 ] && pgrep sleep >/dev/null; do :; done; sleep 0.1; "
        "grep -l '^State:.Z' /proc/[0-9]*/status; exit 9"
    )
    assert ended(execute("--", "sh", "-c", script, before=unshare)) == (9, "", "")
