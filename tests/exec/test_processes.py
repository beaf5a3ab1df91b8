"""`freshkey exec` as a process, with a stand-in for the agent."""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import eventually
from tests.exec.agent import EventsAgent, key
from tests.support.inherited_signals import HOW, with_signals

if TYPE_CHECKING:
    from collections.abc import Callable

    Execute = Callable[..., subprocess.Popen[str]]

PRINT_KEY = ["sh", "-c", "echo $OPENAI_API_KEY"]

# Says its key, then each signal that it gets; ends by SIGTERM with status 7.
TALKER = """
import os, signal, sys
def say(number, _):
    os.write(1, f"{signal.Signals(number).name}\\n".encode())
    if number == signal.SIGTERM:
        sys.exit(7)
for number in (1, 2, 3, 10, 12, 15, 28):
    signal.signal(number, say)
print(os.environ.get("OPENAI_API_KEY"), os.getpid(), flush=True)
while True:
    signal.pause()
"""
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


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdout.readline().rstrip("\n")


def talker(execute: Execute, agent: EventsAgent, *arguments: str) -> subprocess.Popen[str]:
    agent.publish(1)
    process = execute(*arguments, "--", sys.executable, "-c", TALKER)
    assert line(process).split()[0] == key(1)
    return process


def test_the_only_key_is_in_the_environment(execute: Execute, agent: EventsAgent) -> None:
    agent.publish(1)
    assert ended(execute("--", *PRINT_KEY)) == (0, f"{key(1)}\n", "")


def test_keys_by_name(execute: Execute, agent: EventsAgent) -> None:
    agent.keys = {"billing": 1, "search": 2}
    arguments = ["--env", "A=billing", "--env", "B=search", "--env", "C=search"]
    process = execute(*arguments, "--", "sh", "-c", "echo $A $B $C $D", D="other")
    second = key(2, "search")
    assert ended(process) == (0, f"{key(1)} {second} {second} other\n", "")


def test_several_keys_and_no_choice(execute: Execute, agent: EventsAgent) -> None:
    agent.keys = {"billing": 1, "search": 2}
    assert ended(execute("--", *PRINT_KEY)) == (
        2,
        "",
        (
            "freshkey: the agent has 2 keys: say which one with --env OPENAI_API_KEY=billing or "
            "--env OPENAI_API_KEY=search\n"
        ),
    )


def test_it_waits_for_the_key_and_says_so_once(execute: Execute, agent: EventsAgent) -> None:
    process = execute("--", *PRINT_KEY)
    assert process.stderr is not None
    assert process.stderr.readline() == (
        "freshkey: the key: the agent has no key yet: `freshkey status` says why (trying again)\n"
    )
    agent.publish(1)
    assert ended(process) == (0, f"{key(1)}\n", "")


def test_the_advice_asks_the_same_agent(
    execute: Execute, agent: EventsAgent, tmp_path: Path
) -> None:
    config = tmp_path / "a job's.toml"
    config.write_text(f'[server]\nsocket = "{agent.path}"\n')
    for more, option, value in (
        ((), "--config", config),
        ((), "--socket", agent.path),
        (("--gateway",), "--socket", agent.path),
    ):
        process = execute(*more, option, str(value), "--", *PRINT_KEY)
        assert process.stderr is not None
        (advice,) = re.findall("`(freshkey status .*)`", process.stderr.readline())
        assert shlex.split(advice) == ["freshkey", "status", option, str(value)]
        process.terminate()
        assert ended(process)[0] == 1


def test_it_waits_for_an_agent(execute: Execute, agent: EventsAgent) -> None:
    agent.stop()
    try:
        process = execute("--", *PRINT_KEY)
        assert process.stderr is not None
        assert "nobody answers here: start the agent" in process.stderr.readline()
    finally:
        agent.start()
    agent.publish(1)
    assert ended(process) == (0, f"{key(1)}\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_the_start(execute: Execute, agent: EventsAgent, number: int) -> None:
    process = execute("--env", "A=billing", "--", *PRINT_KEY)
    eventually(lambda: agent.last_ids, "it asks")
    process.send_signal(number)
    assert ended(process) == (1, "", "")


def test_a_missing_key_is_unset_where_it_may_be(execute: Execute, agent: EventsAgent) -> None:
    process = execute(
        "--allow-missing", "--", "sh", "-c", "echo ${OPENAI_API_KEY-unset}", OPENAI_API_KEY="old"
    )
    assert ended(process)[:2] == (0, "unset\n")


def test_a_key_that_will_not_come(execute: Execute, agent: EventsAgent) -> None:
    agent.refuse = ("404 Not Found", "the configuration has no key of this name")
    code, out, err = ended(execute("--env", "A=billing", "--", *PRINT_KEY))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "no key of this name" in err


def test_an_agent_that_stops_is_waited_for(execute: Execute, agent: EventsAgent) -> None:
    agent.refuse = ("503 Service Unavailable", "the agent is stopping")
    process = execute("--env", "OPENAI_API_KEY=billing", "--", *PRINT_KEY)
    assert process.stderr is not None
    assert "the agent is stopping (trying again)" in process.stderr.readline()
    agent.refuse = None
    agent.publish(1)
    assert ended(process) == (0, f"{key(1)}\n", "")


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
    "number",
    [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH],
)
def test_signals_are_passed_on(
    execute: Execute, agent: EventsAgent, number: signal.Signals
) -> None:
    process = talker(execute, agent)
    process.send_signal(number)
    assert line(process) == number.name
    process.send_signal(signal.SIGTERM)
    assert ended(process) == (7, "SIGTERM\n", "")


def test_a_change_restarts_the_command(execute: Execute, agent: EventsAgent) -> None:
    process = talker(execute, agent)
    agent.publish(2)
    assert line(process) == "SIGTERM"
    assert line(process).split()[0] == key(2)
    process.send_signal(signal.SIGTERM)
    assert ended(process) == (7, "SIGTERM\n", "")


def test_a_command_that_does_not_end_is_killed(execute: Execute, agent: EventsAgent) -> None:
    agent.publish(1)
    stubborn = "trap '' TERM; echo $OPENAI_API_KEY; while :; do sleep 1; done"
    process = execute("--stop-timeout", "1s", "--", "sh", "-c", stubborn)
    assert line(process) == key(1)
    agent.publish(2)
    assert line(process) == key(2)


def test_a_change_signals_the_command(execute: Execute, agent: EventsAgent) -> None:
    process = talker(execute, agent, "--on-change", "signal", "--signal", "SIGUSR1")
    agent.publish(2)
    assert line(process) == "SIGUSR1"
    agent.publish(3)
    assert line(process) == "SIGUSR1"


def test_a_change_does_nothing(execute: Execute, agent: EventsAgent) -> None:
    process = talker(execute, agent, "--on-change", "none")
    agent.publish(2)
    eventually(lambda: agent.told == ["1-tag", "2-tag"], "the agent has told of the new key")
    agent.publish(3)
    eventually(lambda: agent.told[2:] == ["3-tag"], "and of the next one")
    process.send_signal(signal.SIGUSR1)
    assert line(process) == "SIGUSR1"


def test_an_agent_that_restarts_changes_nothing(execute: Execute, agent: EventsAgent) -> None:
    process = talker(execute, agent)
    agent.stop()
    agent.start()
    eventually(lambda: "1-tag" in agent.last_ids, "it asks for what it does not hold")
    process.send_signal(signal.SIGUSR1)
    assert line(process) == "SIGUSR1"
    agent.publish(2)
    assert line(process) == "SIGTERM"
    assert line(process).split()[0] == key(2)


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
