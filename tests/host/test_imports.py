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
import structlog.dev
import_slim('structlog')
print(sys.modules['structlog.dev'] is structlog.dev, structlog.dev.__file__ is not None)
"""
    assert run(script) == "True True"


def test_trio_names_threads_and_no_program_is_run_for_it() -> None:
    script = """
started = []
sys.addaudithook(lambda event, _: started.append(event) if event == "subprocess.Popen" else None)
import_slim('trio')
from trio._core import _thread_cache
print(started, _thread_cache.set_os_thread_name is not None)
import ctypes.util
print(ctypes.util.find_library('c'))
"""
    assert run(script).splitlines() == ["[] True", "libc.so.6"]


def test_the_console_is_whole() -> None:
    script = """
import_slim('trio', 'structlog')
from freshkey.logs.setup import configure
import structlog
configure('info', 'console', sys.stdout)
structlog.get_logger().info('agent.started', version=1)
"""
    assert run(script).endswith("[info     ] agent.started                  version=1")
