"""What pages say to run, run as it stands there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import commands


def run(script: str, directory: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=directory,
        env={"PATH": path, "HOME": str(directory), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ["next"])
def test_they_end_well(name: str, tmp_path: Path) -> None:
    done = run(commands(name), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "openai/roles/search" in (tmp_path / "search-setup.sh").read_text()
