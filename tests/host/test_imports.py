"""What is left out of a library's imports, each in a process of its own."""

from __future__ import annotations

import pytest
from freshkey.host.imports import UNUSED

from tests.host import own_process


def run(script: str) -> str:
    return own_process.run(f"import sys\nfrom freshkey.host.imports import import_slim\n{script}")


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


def test_no_thread_meets_what_another_one_leaves_out() -> None:
    """The metrics' library needs modules that are empty while httpx is imported."""
    script = """
from threading import Event, Thread
from freshkey.host.imports import UNUSED, left_out
inside, go_on = Event(), Event()
def leave_out():
    with left_out(*UNUSED["httpx"]):
        inside.set()
        go_on.wait()
first = Thread(target=leave_out)
second = Thread(target=import_slim, args=["prometheus_client"])
first.start()
inside.wait()
second.start()
second.join(0.2)
print(second.is_alive())
go_on.set()
first.join()
second.join()
from prometheus_client.exposition import Request
print(Request.__module__)
"""
    assert run(script).splitlines() == ["True", "urllib.request"]


def test_nobody_waits_for_a_library_that_is_there() -> None:
    script = """
from threading import Event, Thread
from freshkey.host.imports import left_out
import prometheus_client
inside, go_on = Event(), Event()
def leave_out():
    with left_out("certifi"):
        inside.set()
        go_on.wait()
thread = Thread(target=leave_out)
thread.start()
inside.wait()
import_slim("prometheus_client")
go_on.set()
"""
    run(script)


def test_a_module_that_comes_meanwhile_stays() -> None:
    script = """
import types, urllib
from freshkey.host.imports import left_out
with left_out("urllib.request"):
    real = types.ModuleType("urllib.request")  # by a thread that had begun to import it before
    sys.modules["urllib.request"] = urllib.request = real
print(urllib.request is real, sys.modules["urllib.request"] is real)
"""
    assert run(script) == "True True"


def test_what_comes_late_is_whole_when_it_is_asked_for() -> None:
    script = """
import_slim('trio')
print('idna' in sys.modules)
from trio import _socket
print(_socket._idna.encode('bücher.example'), 'idna' in sys.modules)
import idna
print(idna.decode(b'xn--bcher-kva.example'), idna.encode is _socket._idna.encode)
"""
    assert run(script).splitlines() == [
        "False",
        "b'xn--bcher-kva.example' True",
        "bücher.example True",
    ]


def test_what_comes_late_stays_if_it_is_asked_for_meanwhile() -> None:
    script = """
from freshkey.host.imports import left_out
with left_out('idna'):
    import idna
    encode = idna.encode
    real = sys.modules['idna']
print(sys.modules['idna'] is real, real.encode is encode)
"""
    assert run(script) == "True True"
