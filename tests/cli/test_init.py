"""`freshkey init`: what it writes, asks, and leaves alone."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
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
        ([*USUAL, "--key", "No Name"], "--key No Name: use a-z, 0-9, _ and -"),
        (["--address", "ftp://x", "--path", "a/b"], "vault.address: "),
        (["--address", ADDRESS, "--path", "a/B"], "--key is missing: name of the key"),
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


def test_on_a_terminal_it_asks(config: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "freshkey", "init", "--config", str(config)]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env={"PATH": os.defpath}
    )
    os.close(theirs)
    os.write(ours, f"\n{ADDRESS}\n\nopenai/creds/search\n\nroot\n".encode())
    said = b""
    try:
        while b"freshkey run" not in said:
            said += os.read(ours, 4096)
        assert process.wait(timeout=20) == 0
    finally:
        os.close(ours)
    settings = load(config, {})
    assert settings.vault.address == ADDRESS
    assert settings.auth.method == "approle"
    assert settings.keys["search"].files[0].group == "root"
    for question in ("Vault's address: ", "login method [approle]: ", "name of the key [search]: "):
        assert question.encode() in said
