"""Paths that the locale can't encode, or that are no text at all: the agent works, line by line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import eventually
from tests.agent.reconfiguring import change

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.agent.harness import Agent

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
UTF_8 = {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "utf-8:strict"}
PRINTED_IN_ASCII = {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii:strict"}
# Names of directories, and under what they are used: a text, bytes that are none, two lines.
CASES = {"k\u00fc": ASCII, "k\udcff\udcc3": UTF_8, "a\nb": PRINTED_IN_ASCII}
COMMANDS = (
    ("check",),
    ("check", "--json"),
    ("check", "--online"),
    ("check", "--online", "--json"),
    ("policy",),
    ("policy", "--setup"),
    ("once", "--timeout", "1s"),
    ("run",),
    ("status",),
    ("status", "--json"),
    ("get", "billing", "--wait", "0"),
    ("watch", "billing"),
    ("rotate", "billing", "--timeout", "1s"),
)
OFF = """
[vault]
address = "http://127.0.0.1:9"
[auth]
role_id_file = "rôle/id"
secret_id_file = "secret"
[state]
directory = "stâte"
allow_disk = true
[server]
socket = "ü.sock"
[keys.billing]
path = "kv1/ü"
[[keys.billing.files]]
path = "kéys/billing"
mode = "0666"
[log]
audit_file = "missing/aüdit"
"""
pytestmark = pytest.mark.skipif(
    sys.getfilesystemencoding() != "utf-8", reason="the names here are UTF-8 for this process"
)


@pytest.fixture(params=CASES, ids=ascii)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def locale(name: str) -> dict[str, str]:
    return CASES[name]


@pytest.fixture
def tmpfs_path(name: str) -> Iterator[Path]:
    """As the usual one, with a name that some locale can't take."""
    directory = Path(tempfile.mkdtemp(prefix="freshkey-", dir="/dev/shm"))
    odd_directory = directory / name
    odd_directory.mkdir()
    yield odd_directory
    shutil.rmtree(directory)


def run(
    locale: dict[str, str], arguments: Sequence[str], **more: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "freshkey", *arguments],
        env={"PATH": os.defpath, **locale, **more},
        capture_output=True,
        timeout=60,
        check=False,
    )


def lines_of_a_person(done: subprocess.CompletedProcess[bytes]) -> list[bytes]:
    assert b"Traceback" not in done.stderr + done.stdout, done.stderr.decode(errors="replace")
    return [line for line in done.stderr.splitlines() if b'"event"' not in line]


def test_every_command_says_what_it_has_to_in_a_line(
    tmpfs_path: Path, locale: dict[str, str]
) -> None:
    config = tmpfs_path / "config.toml"
    config.write_text(OFF)
    config.chmod(0o600)
    for command in COMMANDS:
        done = run(locale, [*command, "--config", str(config)])
        lines = lines_of_a_person(done)
        assert done.returncode in {0, 1, 2}
        assert len(lines) <= 1, command  # the one fault: the directory of the audit file
        if "--json" in command and done.stdout:
            json.loads(done.stdout)["faults"][0]["message"].encode()  # which a lone surrogate fails
        if command[0] == "policy":
            assert 'path "kv1/ü" {' in done.stdout.decode()


def test_what_is_not_there_is_named_in_a_line(tmpfs_path: Path, locale: dict[str, str]) -> None:
    nothing = str(tmpfs_path / "nothing\n")
    for command in COMMANDS:
        done = run(locale, command, FRESHKEY_CONFIG=nothing)
        assert done.returncode == 2
        assert len(lines_of_a_person(done)) == (0 if "--json" in command and done.stdout else 1)
    for command in COMMANDS:
        if command[0] in {"status", "get", "rotate", "watch"}:
            for given in ({"FRESHKEY_SOCKET": nothing}, {}):
                option = [] if given else ["--socket", nothing]
                done = run(locale, [*command, *option], **given)
                assert (done.returncode, len(lines_of_a_person(done))) == (1, 1)
                assert b"nothing\\n: there is no such socket" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("get", "b\u00fc\udcff\n"),
        ("get", "billing", "--newer-than", "\udcff"),
        ("once", "--timeout", "\u00fc\udcff"),
        ("\udcff",),
        ("status", "--\udcff"),
    ],
)
def test_arguments_that_are_no_text(arguments: Sequence[str], locale: dict[str, str]) -> None:
    done = run(locale, arguments)
    assert (done.returncode, len(lines_of_a_person(done))) == (2, 1)


def test_a_life_under_two_locales(make_agent: Callable[..., Agent]) -> None:
    agent = make_agent(extra='[[keys.billing.files]]\npath = "kéys/ü"')
    second = agent.directory / "kéys" / "ü"
    agent.environment = ASCII
    agent.start()
    first = agent.wait_for_key()
    assert second.read_text() == first["key"]
    assert all(file["path"].encode() and file["ok"] for file in agent.status()["files"])
    assert agent.command("status").returncode == 0
    found = agent.command("check", "--online", "--json")
    assert json.loads(found.stdout)["ok"], found.stdout
    assert agent.end() == 0, (agent.directory / "log").read_text()
    agent.environment = UTF_8
    agent.start()
    assert agent.wait_for_key()["tag"] == first["tag"], "the journal names the same files"
    assert second.read_text() == first["key"]
    agent.end()
    log = (agent.directory / "log").read_text()
    assert "Traceback" not in log
    assert "\\ud" not in log


def reloads_at(agent: Agent, numbers: Iterator[int]) -> bool:
    """Change its configuration once more: the watch may have just begun. Was it noticed?"""
    change(agent, "[vault]", f"# once more: {next(numbers)}\n[vault]")
    with suppress(AssertionError):
        return eventually(lambda: len(agent.logged("reload.done")) > 1, "a reload", seconds=8)
    return False


def test_the_configuration_is_watched_under_every_locale(
    make_agent: Callable[..., Agent], locale: dict[str, str], name: str
) -> None:
    agent = make_agent()
    agent.environment = locale
    agent.start()
    agent.wait_for_key()
    change(agent, "[vault]", "# by the first look at it\n[vault]")
    eventually(lambda: agent.logged("reload.done"), "the first change")
    # From now on the kernel tells: it has been given the names of the directories.
    if "\udcff" in name:
        (told,) = eventually(lambda: agent.logged("config.not_watched"), "no name for watchfiles")
        assert "\\ud" not in told["message"]
        assert agent.process is not None
        assert agent.process.poll() is None, "it looks once a minute instead"
    else:
        eventually(partial(reloads_at, agent, count()), "the second change")
