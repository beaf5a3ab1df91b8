import gc
import importlib
import json
import os
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from freshkey import __version__
from freshkey.cli.main import main
from freshkey.settings import Settings, SettingsFault, load

from tests.settings.files import config, written

ON_DISK = '[state]\ndirectory = "state"\nallow_disk = true'  # where pytest keeps its files


@pytest.fixture
def good(tmp_path: Path) -> str:
    return str(written(tmp_path, config(more=ON_DISK)))


@pytest.fixture
def bad(tmp_path: Path) -> str:
    return str(written(tmp_path, config(vault="", key="renew_at = 1")))


BAD_LINES = (
    "vault.address: is missing: set it, or the variable VAULT_ADDR\n"
    "keys.billing.renew_at: is 1, and must be from 0.5 to 0.95\n"
)


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


def test_the_configuration_is_named_by_a_variable(
    bad: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRESHKEY_CONFIG", bad)
    assert main(["check"]) == 2
    assert capsys.readouterr().err == BAD_LINES


def test_an_option_wins_over_the_variable(good: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRESHKEY_CONFIG", "/nowhere")
    assert main(["check", "--config", good]) == 0


def test_the_default_configuration(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRESHKEY_CONFIG", "")
    monkeypatch.setattr(Path, "open", _not_found)
    assert main(["check"]) == 2
    assert capsys.readouterr().err.startswith("/etc/freshkey/config.toml: there is no such file")


def _not_found(*_: object) -> None:
    raise FileNotFoundError


def started(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], int]) -> list[Any]:
    """Put an app in place that notes what it is started with."""
    calls: list[Any] = []

    def start(*arguments: object, **options: object) -> int:
        calls.append((*arguments, *options.items()))
        return answer()

    monkeypatch.setattr("freshkey.cli.running.startup", SimpleNamespace(run=start, once=start))
    return calls


def settings_of(path: str) -> Settings:
    return load(Path(path), {})


@pytest.mark.parametrize(("arguments", "locked"), [([], False), (["--lock-memory"], True)])
def test_run_starts_the_agent(
    good: str, monkeypatch: pytest.MonkeyPatch, arguments: list[str], *, locked: bool
) -> None:
    calls = started(monkeypatch, lambda: 1)
    assert main(["run", "--config", good, *arguments]) == 1
    ((settings, file, options),) = calls
    assert (settings, file.path) == (settings_of(good), Path(good))
    assert file.load() == settings
    assert not file.is_unread(file.digest())
    assert options == ("lock_memory", locked)


@pytest.mark.parametrize(
    ("arguments", "seconds"), [([], 120), (["--timeout", "1m30s"], 90), (["--timeout", "7"], 7)]
)
def test_once_has_a_timeout(
    good: str, monkeypatch: pytest.MonkeyPatch, arguments: list[str], seconds: float
) -> None:
    calls = started(monkeypatch, lambda: 0)
    assert main(["once", "--config", good, *arguments]) == 0
    assert calls == [(settings_of(good), seconds)]


@pytest.mark.parametrize("command", ["run", "once"])
def test_nothing_starts_with_a_fault(
    bad: str,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = started(monkeypatch, lambda: 0)
    assert main([command, "--config", bad]) == 2
    assert not calls
    assert capsys.readouterr() == ("", BAD_LINES)


def test_an_interrupt_is_no_traceback(
    good: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> int:
        raise KeyboardInterrupt

    started(monkeypatch, interrupt)
    assert main(["run", "--config", good]) == 1
    assert capsys.readouterr() == ("", "freshkey: interrupted\n")


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
    assert out.startswith("warning: auth.role_id_file: can't be read by user id ")
    assert out.endswith("no fault found\n")
