"""`freshkey init`: what it writes, asks, and leaves alone."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.cli.main import main
from freshkey.settings import load
from freshkey.settings.auth import AUTH_METHODS

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "https://vault.example:8200"
USUAL = ["--address", ADDRESS, "--path", "openai/creds/billing"]
NEEDED = {
    "kubernetes": ["--role", "billing"],
    "gcp": ["--role", "billing"],
    "azure": ["--role", "billing"],
    "userpass": ["--username", "agent"],
    "ldap": ["--username", "agent"],
}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("VAULT_ADDR", raising=False)
    return tmp_path / "made" / "config.toml"


def init(config: Path, *arguments: str) -> int:
    return main(["init", "--config", str(config), *arguments])


@pytest.mark.parametrize("method", AUTH_METHODS)
@pytest.mark.parametrize("group", [[], ["--group", "0"]])
def test_what_it_writes_can_be_read(config: Path, method: str, group: list[str]) -> None:
    assert init(config, *USUAL, "--method", method, *NEEDED.get(method, []), *group) == 0
    settings = load(config, {"VAULT_TOKEN": "none"})
    assert settings.vault.address == ADDRESS
    assert settings.auth is not None
    assert settings.auth.method == method
    (file,) = settings.keys["billing"].files
    assert (file.group, file.mode) == (("0", 0o440) if group else (None, 0o400))
    assert settings.server.group == ("0" if group else None)
    assert config.stat().st_mode & 0o777 == 0o640
    assert os.listdir(config.parent) == ["config.toml"]  # noqa: PTH208 - names alone


def test_it_says_what_to_do_next(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(config, *USUAL) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == f"wrote {config}; next:"
    assert [line.partition("  #")[0].split() for line in lines] == [
        ["freshkey", "policy", "--setup", "--config", str(config)],
        ["freshkey", "check", "--online", "--config", str(config)],
        ["freshkey", "run", "--config", str(config)],
    ]


def test_nothing_that_is_there_is_touched(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.parent.mkdir()
    config.write_text("mine")
    assert init(config, *USUAL) == 1
    assert config.read_text() == "mine"
    assert "is there already, and is left alone" in capsys.readouterr().err
    config.unlink()
    config.symlink_to("nowhere")
    assert init(config, *USUAL) == 1


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--path", "a/b"], "--address is missing: Vault's address"),
        (["--address", ADDRESS], "--path is missing: what to read"),
        ([*USUAL, "--method", "magic"], "--method magic: is none of token, approle"),
        ([*USUAL, "--method", "kubernetes"], "--role is missing"),
        ([*USUAL, "--method", "ldap"], "--username is missing"),
        ([*USUAL, "--role", "x"], "--role: method approle takes none: leave it out"),
        ([*USUAL, "--key", "No Name"], "--key No Name: is no name for a key: use a-z"),
        (["--address", "ftp://x", "--path", "a/b"], "--address ftp://x: must be a URL of scheme"),
        (["--address", ADDRESS, "--path", "a/b!"], "--key is missing: name of the key (a-z"),
        (["--address", ADDRESS, "--path", "v1/a/b"], "--path v1/a/b: is"),
        (
            ["--address", ADDRESS, "--path", "a/creds/b*", "--key", "b"],
            "--path a/creds/b*: can't be named by a policy, which takes * for a pattern",
        ),
        (
            ["--address", ADDRESS, "--oidc-role", "b*", "--service-account", "user-1"],
            "--oidc-role b*: can't be named by a policy, which takes * for a pattern",
        ),
        ([*USUAL, "--username", "x"], "--username: method approle takes none: leave it out"),
    ],
)
def test_what_is_wrong_is_said_and_leaves_nothing(
    config: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], fault: str
) -> None:
    assert init(config, *arguments) == 2
    assert fault in capsys.readouterr().err
    assert not config.exists()
    assert not config.parent.exists() or not list(config.parent.iterdir())


def test_the_usual_variable_names_vault(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", ADDRESS)
    assert init(config, "--path", "kv/data/team") == 0
    settings: Any = load(config, {})
    assert list(settings.keys) == ["team"]


def test_what_a_shell_would_take_apart_is_quoted(tmp_path: Path) -> None:
    config = tmp_path / "with space.toml"
    assert init(config, *USUAL, "--group", 'a"b\\c') == 0
    assert load(config, {}).server.group == 'a"b\\c'


class Terminal:
    """`freshkey init` at a terminal."""

    def __init__(self, config: Path) -> None:
        self._ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "freshkey", "init", "--config", str(config)]
        self._process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env={"PATH": os.defpath}
        )
        os.close(theirs)

    def end(self, typed: str) -> tuple[int, str]:
        """Type, and return the status and all that was said."""
        os.write(self._ours, typed.encode())
        said = b""
        with suppress(OSError):  # EIO: the other side is closed (pty(7))
            while data := os.read(self._ours, 4096):
                said += data
        os.close(self._ours)
        return self._process.wait(timeout=20), said.decode()


def test_on_a_terminal_it_asks(config: Path) -> None:
    status, said = Terminal(config).end(f"\n{ADDRESS}\n\nopenai/creds/Search\n\nroot\n")
    assert status == 0
    settings = load(config, {})
    assert settings.vault.address == ADDRESS
    assert settings.auth is not None
    assert settings.auth.method == "approle"
    assert settings.keys["search"].files[0].group == "root"
    for question in ("Vault's address: ", "azure) [approle]: ", "_ and -) [search]: "):
        assert question in said


def test_on_a_terminal_it_asks_again_after_a_wrong_answer(config: Path) -> None:
    typed = f"vault.example\n{ADDRESS}\nmagic\ncert\n\nopenai/creds/a\nNo Name\nmine\n\n"
    status, said = Terminal(config).end(typed)
    assert status == 0
    assert "vault.example must be a URL" in said
    assert "magic is none of token, approle" in said
    assert "No Name is no name for a key" in said
    assert list(load(config, {}).keys) == ["mine"]


def test_who_ends_the_questions_is_told_that_nothing_was_written(config: Path) -> None:
    status, said = Terminal(config).end(f"{ADDRESS}\n\x04")
    assert status == 1
    assert "freshkey: no answer to: login method" in said
    assert "nothing was written" in said
    assert "Traceback" not in said
    assert not config.exists()


def test_a_place_that_takes_no_file_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert init(tmp_path / "file" / "config.toml", *USUAL) == 1
    said = capsys.readouterr().err
    assert f"{tmp_path}/file/config.toml: can't be written: " in said
    assert "Errno" not in said
