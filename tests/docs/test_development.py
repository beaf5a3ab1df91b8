"""What pages say to those who work on the project: what they call is there.

Most of it takes minutes, and measures; each program has tests of its own.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.docs.pages import PAGES, ROOT, blocks

TEXTS = [page.read_text() for page in PAGES]
LINES = {
    line
    for page in PAGES
    for block in blocks(page)
    for line in block.text.replace("\\\n", " ").splitlines()
}


def test_every_target_is_in_the_makefile() -> None:
    called = {name for text in TEXTS for name in re.findall(r"[`;] ?make ([a-z-]+)", text)}
    called |= {name for line in LINES for name in re.findall(r"^make (?:-C \S+ )?([a-z-]+)", line)}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert len(called) > 20
    assert called - targets == set()


def test_every_module_is_there() -> None:
    called = {name for text in TEXTS for name in re.findall(r"python -m ([\w.]+)", text)}
    assert {name for name in called if name.startswith("bench.")}
    assert {name for name in called if find_spec(name) is None} == set()


SELECTIONS = [line.partition(" -m pytest ")[2] for line in LINES if " -m pytest " in line]


@pytest.mark.parametrize("selection", sorted(SELECTIONS))
def test_a_selection_of_tests_has_some(selection: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-qq", *shlex.split(selection)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
