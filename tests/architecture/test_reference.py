"""What is made from the code for people: manual pages, completions, and a page of every option."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import subprocess
import time
import tomllib
from typing import TYPE_CHECKING

import pytest

from tools.reference.__main__ import PACKAGING, ROOT, made
from tools.reference.commands import commands
from tools.reference.options import tables
from tools.reference.roff import ManualPage

if TYPE_CHECKING:
    from pathlib import Path

COMPLETIONS = PACKAGING / "completions"


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is missing")


def test_it_is_made_from_the_code_as_it_is() -> None:
    old = [f"{path.relative_to(ROOT)}" for path, text in made().items() if path.read_text() != text]
    assert old == [], "run `make reference`"


def test_every_command_and_option_has_words() -> None:
    assert {command.name for command in commands()} >= {"run", "exec", "init", "report"}
    for command in commands():
        assert command.does
        assert all(argument.meaning for argument in command.arguments), command.name
    assert len([option for table in tables() for option in table.options]) > 90


def test_the_example_has_every_option() -> None:
    """That its values are the defaults is for tests/settings/test_example.py."""
    example = (ROOT / "configs" / "freshkey.toml").read_text()
    document = tomllib.loads(re.sub(r"(?m)^# ?(?=[a-z_]+ = |\[)", "", example))
    billing = document["keys"]["billing"]
    tables_there = {
        "[vault]": document["vault"],
        "[keys.NAME]": billing,
        "[keys.NAME.verify]": billing["verify"],
        "[[keys.NAME.files]]": billing["files"][0],
        "[[keys.NAME.hooks]]": billing["hooks"][0],
        "[state]": document["state"],
        "[server]": document["server"],
        "[log]": document["log"],
    }
    found = {table.header: table for table in tables()}
    assert tables_there.keys() < found.keys()
    for header, there in tables_there.items():
        assert {option.name for option in found[header].options} <= there.keys(), header


@needs("groff")
def test_manual_pages_are_sound() -> None:
    for page in sorted((PACKAGING / "man").iterdir()):
        command = ["groff", "-man", "-Tascii", "-ww", f"{page}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        assert done.stdout.startswith(page.stem.upper())


@needs("groff")
def test_text_of_any_kind_stays_as_it_is() -> None:
    page = ManualPage("name", 1, "1", "purpose")
    page.paragraph('.dot `\'quote` \\backslash --option "quoted" …')
    page.item("'term", ".SH text")
    page.example(".first\n'second \\n")
    command = ["groff", "-man", "-Tascii", "-P-cbou", "-ww"]
    done = subprocess.run(command, input=str(page), capture_output=True, text=True, check=True)
    assert done.stderr == ""
    lines = [line.strip() for line in done.stdout.splitlines()]
    for line in (
        '.dot \'quote \\backslash --option "quoted" ...',
        "'term  .SH text",
        ".first",
        "'second \\n",
    ):
        assert line in lines


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """One that has files to complete, and an agent that has two keys."""
    (tmp_path / "some.toml").touch()
    (tmp_path / "bin").mkdir()
    agent = tmp_path / "bin" / "freshkey"
    answer = json.dumps({"keys": [{"name": "billing"}, {"name": "search"}]})
    agent.write_text(f"#!/bin/sh\necho '{answer}'\n")
    agent.chmod(0o755)
    return tmp_path


ZSH_BEGIN = """
fpath=($PWD/functions $fpath)
autoload -Uz compinit; compinit -u -d dump
echo re''ady
"""
CASES = [
    ("freshkey ro", {"rotate"}),
    ("freshkey status --w", {"--watch"}),
    ("freshkey get --format ", {"raw", "json", "env"}),
    ("freshkey init --method kube", {"kubernetes"}),
    ("freshkey check --config so", {"some.toml"}),
    ("freshkey report audit so", {"some.toml"}),
    ("freshkey get bi", {"billing"}),
    ("freshkey rotate ", {"billing", "search"}),
    ("freshkey exec --signal USR", {"USR1", "USR2"}),
    ("freshkey exec -- python3 some", {"some.toml"}),
    ("freshkey exec -- dpkg-div", {"dpkg-divert"}),
]


def variables(directory: Path) -> dict[str, str]:
    path = f"{directory}/bin:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HOME": str(directory), "PS1": "> "}


@pytest.mark.parametrize(("line", "found"), CASES)
def test_bash_completes(line: str, found: set[str], directory: Path) -> None:
    script = f"""
    source {COMPLETIONS / "freshkey.bash"}
    COMP_LINE='{line}' COMP_POINT={len(line)}
    read -ra COMP_WORDS <<< "$COMP_LINE"
    [[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
    _shtab_freshkey
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=directory,
        env=variables(directory),
    )
    assert set(done.stdout.split()) == found


@needs("fish")
@pytest.mark.parametrize(("line", "found"), CASES)
def test_fish_completes(line: str, found: set[str], directory: Path) -> None:
    script = f"source {COMPLETIONS / 'freshkey.fish'}; complete --do-complete '{line}'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=directory,
        env=variables(directory),
    )
    assert {row.partition("\t")[0] for row in done.stdout.splitlines()} == found


@needs("zsh")
@pytest.mark.parametrize(("line", "found"), CASES)
def test_zsh_completes(line: str, found: set[str], directory: Path) -> None:
    """At a terminal, because zsh completes nowhere else."""
    (directory / "functions").mkdir()
    shutil.copy(COMPLETIONS / "_freshkey", directory / "functions")
    terminal, other = pty.openpty()
    shell = subprocess.Popen(
        ["zsh", "-f", "-i"],
        stdin=other,
        stdout=other,
        stderr=other,
        cwd=directory,
        env=variables(directory),
        start_new_session=True,
    )
    os.close(other)
    try:
        os.write(terminal, ZSH_BEGIN.encode())
        said = read_until(terminal, "", "ready")
        os.write(terminal, f"{line}\t\t".encode())
        for word in found:
            said = read_until(terminal, said, word.removeprefix(line.rpartition(" ")[2]))
    finally:
        shell.kill()
        shell.wait()
        os.close(terminal)


def read_until(terminal: int, said: str, word: str) -> str:
    """Read what the shell says until the word is in it."""
    deadline = time.monotonic() + 30
    while word not in said:
        if time.monotonic() > deadline:
            pytest.fail(f"no {word!r} in {said!r}")
        if select.select([terminal], [], [], 1)[0]:
            said += os.read(terminal, 65536).decode(errors="replace")
    return said
