"""`freshkey check`: which configuration it takes, and what it says of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from freshkey.cli.main import main
from freshkey.settings import SettingsFault

from tests.cli.configurations import BAD_LINES, ON_DISK
from tests.settings.files import config, written

if TYPE_CHECKING:
    import pytest


def test_check_finds_no_fault(good: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", good]) == 0
    assert capsys.readouterr() == ("no fault found\n", "")


def test_check_lists_every_fault(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", bad]) == 2
    assert capsys.readouterr() == ("", BAD_LINES)


def test_check_looks_at_the_machine_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "key").mkdir()
    text = config(key='files = [{path = "key"}]', more=ON_DISK)
    assert main(["check", "--config", str(written(tmp_path, text))]) == 2
    assert "keys.billing.files[0].path: is there, and is no" in capsys.readouterr().err


def test_check_looks_at_what_a_start_would_meet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o755)
    auth = 'role_id_file = "role_id"\nsecret_id_file = "secret_id"'
    path = str(written(tmp_path, config(auth=auth, more=ON_DISK)))
    assert main(["check", "--config", path]) == 2
    assert "state.directory: " in capsys.readouterr().err
    (tmp_path / "state").chmod(0o700)
    assert main(["check", "--config", path]) == 0
    out = capsys.readouterr().out
    told = "does not exist: put the credential there"
    assert out.startswith(f"warning: auth.role_id_file: {tmp_path}/role_id {told}\n")
    assert f"\nwarning: auth.secret_id_file: {tmp_path}/secret_id {told}\n" in out
    assert out.endswith("no fault found\n")


def test_check_warns_of_what_may_hurt_later(
    good: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = SettingsFault("log.audit_file", "is on nfs")
    monkeypatch.setattr("freshkey.cli.check.host_warnings", lambda _: (found,))
    assert main(["check", "--config", good]) == 0
    assert capsys.readouterr().out == "warning: log.audit_file: is on nfs\nno fault found\n"
    assert main(["check", "--json", "--config", good]) == 0
    told = {"path": found.path, "message": found.message}
    assert json.loads(capsys.readouterr().out) == {"ok": True, "faults": [], "warnings": [told]}


def test_check_in_json(good: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", "--config", good]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "ok": True,
        "faults": [],
        "warnings": [],
    }


def test_faults_in_json(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", "--config", bad]) == 2
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert err == ""
    assert report["ok"] is False
    lines = [f"{fault['path']}: {fault['message']}\n" for fault in report["faults"]]
    assert "".join(lines) == BAD_LINES


def test_a_key_in_the_wrong_place_is_not_quoted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = config(key='files = [{path = "/x", mode = "sk-svcacct-canary"}]')
    path = str(written(tmp_path, text))
    assert main(["check", "--config", path]) == 2
    assert main(["check", "--json", "--config", path]) == 2
    output = capsys.readouterr()
    assert "keys.billing.files[0].mode: is" in output.err
    assert "canary" not in output.err + output.out


def test_the_configuration_is_named_by_a_variable(
    bad: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRESHKEY_CONFIG", bad)
    assert main(["check"]) == 2
    assert capsys.readouterr().err == BAD_LINES


def test_an_option_wins_over_the_variable(good: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRESHKEY_CONFIG", "/nowhere")
    assert main(["check", "--config", good]) == 0


def _not_found(*_: object) -> None:
    raise FileNotFoundError


def test_the_default_configuration(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRESHKEY_CONFIG", "")
    monkeypatch.setattr(Path, "open", _not_found)
    assert main(["check"]) == 2
    assert capsys.readouterr().err.startswith("/etc/freshkey/config.toml: there is no such file")
