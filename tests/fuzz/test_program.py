"""`python -m tests.fuzz`, which `make fuzz` and `make fuzz-short` run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import __main__ as program

BROKEN = b"what broke a promise"


@pytest.mark.fuzz
def test_a_target_is_fuzzed_and_its_seed_told() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--seconds", "1", "--seed", "7", "hooks_file"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "seed 7" in done.stdout
    name, executed, _, begun, reached = done.stdout.splitlines()[-1].split()
    assert name == "hooks_file"
    assert int(executed) > 10
    assert 0 < int(begun) <= int(reached)


def test_an_input_that_breaks_a_promise_joins_the_corpus(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def guided(_name: str, *options: str | Path) -> subprocess.CompletedProcess[str]:
        (prefix,) = (str(one) for one in options if str(one).startswith("-artifact_prefix="))
        Path(f"{prefix.partition('=')[2]}crash-1").write_bytes(BROKEN)
        return subprocess.CompletedProcess([], 77, "", "#5 INITED cov: 3 ft: 4\nthe traceback")

    monkeypatch.setattr(program, "guided", guided)
    monkeypatch.setattr(program, "CORPUS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["fuzz", "hooks_file"])
    with pytest.raises(SystemExit, match="broken promises: hooks_file"):
        program.main()
    (kept,) = (tmp_path / "hooks_file").iterdir()
    assert kept.read_bytes() == BROKEN
    assert "the traceback" in capsys.readouterr().err
