"""What is left out of a library's imports, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(script: str) -> str:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys\nfrom freshkey.host.imports import import_without\n{script}",
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("library", "unused"),
    [
        ("structlog", ["asyncio", "rich"]),
        ("hvac", ["requests", "requests.exceptions"]),
        ("httpx", ["httpx._main"]),
    ],
)
def test_a_library_comes_without_what_is_unused(library: str, unused: list[str]) -> None:
    script = f"import_without('{library}', *{unused})\nprint(*sys.modules)"
    imported = run(script).split()
    assert library in imported
    assert not {*unused, "asyncio", "click", "requests", "rich", "urllib3"} & {*imported}


def test_others_get_it_whole() -> None:
    script = "import_without('structlog', 'asyncio')\nimport asyncio\nprint(asyncio.run)"
    assert run(script).startswith("<function run ")


def test_what_is_imported_already_stays() -> None:
    script = """
import asyncio
import_without('structlog', 'asyncio')
import structlog
print(structlog.stdlib.asyncio is asyncio, sys.modules['asyncio'] is asyncio)
"""
    assert run(script) == "True True"
