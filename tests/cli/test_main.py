"""The command line itself: its usage, its version, and ends without a traceback."""

from __future__ import annotations

import gc
import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from freshkey import __version__
from freshkey.cli.main import main

if TYPE_CHECKING:
    from argparse import Namespace


def test_a_process_is_left_as_it_was(good: str, capsys: pytest.CaptureFixture[str]) -> None:
    finders = [*sys.meta_path]
    assert main(["check", "--config", good]) == 0
    capsys.readouterr()
    assert gc.isenabled()
    assert sys.meta_path == finders


@pytest.mark.parametrize(
    ("arguments", "collects"),
    [(["run"], False), (["once"], False), (["check"], True), (["version"], True)],
)
def test_garbage_is_collected_from_the_command_on(
    arguments: list[str], *, collects: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent itself imports more, and begins with its first keys."""
    seen: list[bool] = []

    def command(_options: Namespace) -> int:
        seen.append(gc.isenabled())
        return 0

    module = importlib.import_module(f"freshkey.cli.{'running' if not collects else arguments[0]}")
    monkeypatch.setattr(module, arguments[0], command)
    assert main(arguments) == 0
    assert seen == [collects]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["stat"],
        ["check", "--offline"],
        ["check", "--js"],
        ["run", "extra"],
        ["once", "--timeout", "0"],
        ["once", "--timeout", "2 minutes"],
        ["--config", "x", "check"],
        ["status", "--socket", ""],
        ["exec", "--socket", "", "--", "true"],
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("freshkey")
    assert err.endswith("--help\n")
    assert err.count("\n") == 1


def test_what_a_terminal_would_act_on_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["version", "a\nb\x1b[31m"])
    err = capsys.readouterr().err
    assert "a\\nb\\x1b[31m" in err
    assert err.count("\n") == 1


def test_the_version_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"freshkey {__version__}\n"


def freshkey_process(*arguments: str, stdout: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "freshkey", *arguments],
        check=False,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )


def test_version_as_a_process() -> None:
    done = freshkey_process("version", stdout=subprocess.PIPE)
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[0] == f"freshkey {__version__}"
    assert lines[1] == f"Python {sys.version.split()[0]}"
    assert {"hvac", "msgspec", "trio"} <= {line.split()[0] for line in lines[2:]}


def test_a_reader_that_left_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = freshkey_process("version", stdout=writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_full_disk_is_no_traceback() -> None:
    with Path("/dev/full").open("wb") as full:
        done = freshkey_process("version", stdout=full.fileno())
    assert done.returncode == 1
    assert done.stderr == "freshkey: standard output: No space left on device\n"


def test_an_installation_of_the_client_alone_says_what_is_missing() -> None:
    script = (
        "import sys; sys.modules['msgspec'] = None\n"
        "from freshkey.cli.main import main\n"
        "sys.exit(main(['check']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        "freshkey: msgspec is missing: this installation has the client only; install what "
        "requirements/run.txt names\n"
    )
