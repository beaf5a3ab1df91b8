"""What is left out of a library's imports, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest
from freshkey.host.imports import UNUSED


def run(script: str) -> str:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys\nfrom freshkey.host.imports import import_slim\n{script}",
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.strip()


@pytest.mark.parametrize("library", UNUSED)
def test_a_library_comes_without_what_is_unused(library: str) -> None:
    imported = run(f"import_slim('{library}')\nprint(*sys.modules)").split()
    assert library in imported
    assert not {*UNUSED[library], "asyncio", "click", "requests", "rich", "urllib3"} & {*imported}


@pytest.mark.parametrize("library", UNUSED)
def test_nothing_is_left_out_that_would_not_come(library: str) -> None:
    assert {*UNUSED[library]} <= {*run(f"import {library}\nprint(*sys.modules)").split()}


def test_others_get_it_whole() -> None:
    script = "import_slim('structlog')\nimport asyncio\nprint(asyncio.run)"
    assert run(script).startswith("<function run ")


def test_what_is_imported_already_stays() -> None:
    script = """
import asyncio
import_slim('structlog')
import structlog
print(structlog.stdlib.asyncio is asyncio, sys.modules['asyncio'] is asyncio)
"""
    assert run(script) == "True True"
