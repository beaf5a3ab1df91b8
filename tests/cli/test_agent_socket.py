import os
from argparse import Namespace
from pathlib import Path

import pytest
from freshkey.cli.agent_socket import agent_socket
from freshkey.cli.failure import CommandError
from freshkey.settings.model import ServerSettings

DEFAULT = ServerSettings().socket


def found(socket: Path | None = None, config: Path | None = None) -> Path:
    return agent_socket(Namespace(socket=socket, config=config))


def configured(path: Path, text: str = '[server]\nsocket = "s.sock"\n') -> Path:
    path.write_text(text)
    return path


def test_the_option_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FRESHKEY_SOCKET", "/variable")
    config = configured(tmp_path / "c.toml")
    assert found(Path("/option"), config) == Path("/option")


def test_the_variable_comes_next(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FRESHKEY_SOCKET", "/variable")
    assert found(config=configured(tmp_path / "c.toml")) == Path("/variable")


def test_a_named_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = configured(tmp_path / "c.toml")
    assert found(config=config) == tmp_path / "s.sock"
    monkeypatch.setenv("FRESHKEY_CONFIG", str(config))
    assert found() == tmp_path / "s.sock"


def test_the_option_names_the_configuration_before_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FRESHKEY_CONFIG", "/nowhere")
    assert found(config=configured(tmp_path / "c.toml")) == tmp_path / "s.sock"


def test_empty_variables_are_unset(monkeypatch: pytest.MonkeyPatch, default_config: Path) -> None:
    monkeypatch.setenv("FRESHKEY_SOCKET", "")
    monkeypatch.setenv("FRESHKEY_CONFIG", "")
    assert found() == DEFAULT


def test_the_default_configuration(default_config: Path) -> None:
    configured(default_config, '[server]\nsocket = "/run/other.sock"\n[vault]\nno = "such"\n')
    assert found() == Path("/run/other.sock")


@pytest.mark.parametrize(
    "text", ["", "server = 1", "[server]\n", '[server]\nsocket = ""', "no toml"]
)
def test_the_default_socket(default_config: Path, text: str) -> None:
    configured(default_config, text)
    assert found() == DEFAULT


def unreadable(path: Path) -> bytes:
    raise PermissionError(13, os.strerror(13), str(path))


def test_a_configuration_that_may_not_be_read_is_no_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = configured(tmp_path / "c.toml")
    monkeypatch.setattr(Path, "read_bytes", unreadable)  # root could read it
    assert found(config=config) == DEFAULT


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "No such file or directory: name the configuration"),
        ("no toml", "is not valid TOML: "),
        ("a = " + "[" * 5000, "nests too deep"),
        ("[server]\nsocket = 1", "server.socket: is an integer, and must be a string"),
        (
            '[server]\nsocket = "a\\u0000b"',
            "server.socket: has a null character at character 2 of 3",
        ),
    ],
)
def test_a_named_configuration_that_does_not_serve(
    tmp_path: Path, text: str | None, why: str
) -> None:
    config = tmp_path / "c\n.toml"
    if text is not None:
        configured(config, text)
    with pytest.raises(CommandError) as caught:
        found(config=config)
    line = str(caught.value)
    assert line.startswith(f"{tmp_path}/c\\n.toml: {why}")
    assert line.isprintable()
    assert caught.value.status == 2


def test_a_configuration_that_is_no_text(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_bytes(b"\xff")
    with pytest.raises(CommandError, match="not valid TOML"):
        found(config=config)
