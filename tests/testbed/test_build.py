"""The build of the real parts: what is kept, shared, and said."""

import re
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from testbed import binaries, build, compiling
from testbed.binaries import (
    BENCH_GATEWAY_LOAD,
    BENCH_LOAD,
    BENCH_PEER,
    BENCH_UPSTREAM,
    ETCD,
    FOR_LOGINS,
    OPENAI_PLUGIN,
    TOXIPROXY,
    VAULT,
    BinaryError,
    binary,
)
from tests.testbed.build_environment import BuildEnvironment

NAMES = {
    *(VAULT, OPENAI_PLUGIN, TOXIPROXY),
    *(BENCH_LOAD, BENCH_PEER, BENCH_UPSTREAM, BENCH_GATEWAY_LOAD),
}
BLOCK_ONCE = (
    """[ -e "$FAKE_CALLS.started" ] || { : > "$FAKE_CALLS.started"; read -r _ < "$FAKE_FIFO"; }"""
)


def line_with(child: subprocess.Popen[str], text: str) -> str:
    assert child.stdout is not None
    return next(line for line in child.stdout if text in line)


def test_another_clone_builds_nothing(build_environment: BuildEnvironment, tmp_path: Path) -> None:
    assert build_environment.build() == 0
    assert build_environment.build(tmp_path / "second") == 0
    assert sorted(build_environment.builds()) == sorted(NAMES)
    second = {path.resolve() for path in (tmp_path / "second").iterdir()}
    assert build_environment.binaries() == second
    assert {path.name for path in second} == NAMES
    assert {path.read_text() for path in second} == {"binary\n"}


def test_parts_for_logins_are_built_when_asked_for(build_environment: BuildEnvironment) -> None:
    assert build_environment.build(None, "--logins") == 0
    every = [part.name for part in (*build.PARTS, *build.LOGIN_PARTS)]
    assert sorted(build_environment.builds()) == sorted(every)
    assert {path.name for path in build_environment.binaries()} == {*every} == NAMES | {*FOR_LOGINS}


def test_missing_part_names_the_target_that_builds_it(
    build_environment: BuildEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "BUILT", build_environment.into)
    with pytest.raises(BinaryError, match=r"is missing: run `make testbed`$"):
        binary(VAULT)
    with pytest.raises(BinaryError, match=r"is missing: run `make testbed-logins`$"):
        binary(ETCD)


@pytest.mark.parametrize("change", ["source", "module", "new file", "flags", "go"])
def test_what_changed_is_built_again(
    build_environment: BuildEnvironment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "main.go").write_text("package main")
    (source / "go.mod").write_text("module example")
    part = build.Part("example", source, ("-tags=a", "."), "no time")
    monkeypatch.setattr(build, "PARTS", (part,))
    assert build_environment.build() == 0
    (source / "main_test.go").write_text("package main")
    assert build_environment.build() == 0
    assert len(build_environment.builds()) == 1
    match change:
        case "source":
            (source / "main.go").write_text("package main // changed")
        case "module":
            (source / "go.mod").write_text("module changed")
        case "new file":
            (source / "more.go").write_text("package main")
        case "flags":
            part = replace(part, arguments=("-tags=b", "."))
            monkeypatch.setattr(build, "PARTS", (part,))
        case _:
            monkeypatch.setenv("FAKE_VERSION", "go1.99.1")
    assert build_environment.build() == 0
    assert len(build_environment.builds()) == 2


def test_two_at_once_build_once(build_environment: BuildEnvironment) -> None:
    build_environment.go_builds_with(BLOCK_ONCE)
    with build_environment.process() as first:
        build_environment.wait_until_building()
        with build_environment.process() as second:
            assert "another build is under way; waiting" in line_with(second, "another")
            build_environment.release_fifo.write_text("go on\n")
        assert first.wait() == second.returncode == 0
    assert sorted(build_environment.builds()) == sorted(NAMES)
    assert {path.name for path in build_environment.binaries()} == NAMES


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_build_that_was_ended_is_done_again(
    build_environment: BuildEnvironment, end: signal.Signals
) -> None:
    build_environment.go_builds_with(f'printf half > "$2"; {BLOCK_ONCE}')
    with build_environment.process() as first:
        build_environment.wait_until_building()
        first.send_signal(end)
        if end != signal.SIGKILL:
            assert "interrupted; the next run goes on" in line_with(first, "interrupted")
    assert first.returncode == (-signal.SIGKILL if end == signal.SIGKILL else 1)
    assert not [
        path for path in build_environment.cache.glob("*/*/*") if path.parent.suffix != ".part"
    ]
    with build_environment.process() as second:
        if end == signal.SIGKILL:  # Go itself is still at work, and holds the lock
            assert line_with(second, "another build is under way")
            build_environment.release_fifo.write_text("go on\n")
        assert second.stdout is not None
        output = second.stdout.read()
    assert second.returncode == 0, output
    assert {path.read_text() for path in build_environment.binaries()} == {"binary\n"}
    assert len(build_environment.builds()) == len(NAMES) + 1


def test_first_build_says_what_how_long_and_how_far(
    build_environment: BuildEnvironment,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reported = build_environment.release_fifo.with_name("reported")

    print_progress = compiling.print_progress

    def print_and_record(text: str) -> None:
        print_progress(text)
        if "2 of 3" in text:
            reported.touch()

    monkeypatch.setattr(compiling, "REPORT_EVERY", 0.01)
    monkeypatch.setattr(compiling, "print_progress", print_and_record)
    build_environment.go_builds_with(
        f"printf '%s\\n' a b; until [ -e {reported} ]; do sleep 0.01; done"
    )
    assert build_environment.build() == 0
    output = capsys.readouterr().out
    assert "building vault: takes about 6 min on two cores with nothing cached\n" in output
    assert re.search(r"^testbed: toxiproxy-server: \d+ s: 2 of 3 packages$", output, re.MULTILINE)
    assert re.search(r"^testbed: vault: built in \d+ s$", output, re.MULTILINE)
    assert build_environment.build() == 0
    assert capsys.readouterr().out == ""


def test_failed_build_shows_its_end_and_its_log(
    build_environment: BuildEnvironment, capsys: pytest.CaptureFixture[str]
) -> None:
    build_environment.go_builds_with("seq 20; echo main.go:7: undefined: x; exit 1")
    assert build_environment.build() == 1
    output = capsys.readouterr().err
    log = next(build_environment.cache.glob("*/*.log"))
    assert f"all of its output is in {log}; the end:\n  14\n" in output
    assert output.endswith("  main.go:7: undefined: x\n")
    assert not list(build_environment.into.iterdir())
    build_environment.go_builds_with("")
    assert build_environment.build() == 0


def test_full_disk(build_environment: BuildEnvironment, capsys: pytest.CaptureFixture[str]) -> None:
    build_environment.go_builds_with("echo write /tmp/x: no space left on device; exit 1")
    assert build_environment.build() == 1
    assert "the disk is full; a build from nothing needs about 6 GB" in capsys.readouterr().err


def test_own_binaries_are_linked_and_not_built(
    build_environment: BuildEnvironment, tmp_path: Path
) -> None:
    own = tmp_path / "mine"
    own.touch(mode=0o755)
    build_environment.monkeypatch.setenv("VAULT_BIN", str(own))
    assert build_environment.build() == 0
    assert (build_environment.into / VAULT).resolve() == own
    assert sorted(build_environment.builds()) == sorted(NAMES - {VAULT})
    build_environment.monkeypatch.delenv("VAULT_BIN")
    assert build_environment.build() == 0
    assert (build_environment.into / VAULT).resolve() != own


def test_own_binary_that_is_missing(
    build_environment: BuildEnvironment, capsys: pytest.CaptureFixture[str]
) -> None:
    build_environment.monkeypatch.setenv("OPENAI_PLUGIN_BIN", "/nowhere")
    assert build_environment.build() == 1
    expected = "testbed: OPENAI_PLUGIN_BIN=/nowhere: no executable file is there\n"
    assert capsys.readouterr().err == expected
