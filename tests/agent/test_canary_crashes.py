"""A crash takes no secret along: into a traceback, or into a core."""

from __future__ import annotations

import base64
import os
import re
import resource
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.agent.exposure import Exposure, cores_allowed, leaks
from tests.agent.harness import Agent, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Engine

# Each puts a function in place that fails, with a secret in its message and in a local variable.
FAILING = {
    "render": """
from freshkey.outputs import formats
def fail(target, name, publication, not_after):
    local = publication.secret.reveal()
    raise RuntimeError("can't render " + local)
formats.render = fail
""",
    "login": """
from freshkey.vault.login import approle
def fail(session, auth, *rest):
    local = auth.secret_id_file.read_text()
    raise RuntimeError("can't log in", {"secret_id": local, "bytes": local.encode()})
accept = approle.read_credential
approle.read_credential = lambda *given: [accept(*given), fail(None, SETTINGS.auth)]
from freshkey.cli import running
load = running.fitting_settings
def keep(*given):
    global SETTINGS
    SETTINGS = load(*given)
    return SETTINGS
running.fitting_settings = keep
""",
    "mint": """
from freshkey.vault.answers import parsing as answers
def fail(answer, path, field):  # the agent does not know this key yet
    raise RuntimeError(f"can't read {answer.body}")
answers.grant = fail
""",
    "thread": """
import threading
from freshkey.vault.transport import adapter
request = adapter.Vault.request
def fail(self, method, url, **options):
    body = request(self, method, url, **options)
    if "auth" in body and body["auth"]:
        raise RuntimeError(body["auth"]["client_token"], options)
    return body
adapter.Vault.request = fail
""",
}
ANSWERING = """
from freshkey.serve.routes import Routes
def fail(self, request, peer):
    view = self._published_keys.view("billing")
    if view.publication:
        raise RuntimeError("can't answer " + view.publication.secret.reveal())
    raise RuntimeError("nothing yet")
Routes.answer = fail
"""
MAIN = "import sys\nfrom freshkey.cli.main import main\nsys.exit(main())\n"


@pytest.mark.parametrize("layout", ["json", "console"])
@pytest.mark.parametrize("function", FAILING)
def test_traceback_of_the_agent_is_masked(
    engine: Engine,
    expose: Callable[..., Exposure],
    given: Callable[[], dict[str, str]],
    function: str,
    layout: str,
) -> None:
    exposure = expose(layout=layout)
    exposure.start("-c", FAILING[function] + MAIN)
    assert exposure.agent.process is not None
    assert exposure.agent.process.wait(timeout=30) == 1
    log = (exposure.agent.directory / "log").read_text()
    assert "process.crashed" in log
    assert "RuntimeError" in log
    assert "***" in log
    assert exposure.leaks({"secret-id": engine.secret_id, **given()}) == []


def test_traceback_of_a_connection_is_masked(
    engine: Engine, expose: Callable[..., Exposure], given: Callable[[], dict[str, str]]
) -> None:
    exposure = expose()
    exposure.start("-c", ANSWERING + MAIN)
    eventually(exposure.agent.key_file.exists, "a key in its file")
    assert exposure.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    (failed,) = eventually(
        partial(exposure.agent.logged, "connection.failed"), "a thread writes the log"
    )
    assert "can't answer ***" in failed["exception"]
    assert exposure.agent.end() == 0
    assert exposure.leaks({"secret-id": engine.secret_id, **given()}) == []


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV])
def test_agent_leaves_no_core(
    engine: Engine,
    expose: Callable[..., Exposure],
    given: Callable[[], dict[str, str]],
    number: signal.Signals,
) -> None:
    exposure = expose()
    exposure.start()
    exposure.agent.wait_for_key()
    process = exposure.agent.process
    assert process is not None
    process.send_signal(number)
    ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    assert (ended.si_code, ended.si_status) == (os.CLD_KILLED, number)  # not CLD_DUMPED
    assert [*exposure.scratch.iterdir()] == []
    assert exposure.leaks({"secret-id": engine.secret_id, **given()}) == []


def test_the_walk_finds_what_is_there(tmp_path: Path) -> None:
    """A control: without it, a walk that looks at nothing would pass all of the above."""
    secrets = {"key 1": "sk-svcacct-canary-0123456789", "VAULT_TOKEN": "canary-of-the-user"}
    key, token = secrets.values()
    scratch, directory = tmp_path / "scratch", tmp_path / "agent"
    scratch.mkdir()
    (directory / "state").mkdir(parents=True)
    exposure = Exposure(Agent(directory, {"VAULT_TOKEN": token}), scratch)
    assert exposure.command("version") == 0
    assert exposure.leaks(secrets) == []  # the environment is the user's choice

    exposure.agent.environment["OTHER"] = f"a{key}b"
    assert exposure.command("version", key) == 2
    (directory / "state" / "lock").write_text(f"process 1 ({key[-12:]})")
    (scratch / f"name {key}").touch()
    (directory / "state" / "journal.json").write_text(key)  # where it belongs
    exposure.shown.append(("stdout of get billing", f"{key} {token}".encode()))
    exposure.shown.append(
        ("log", b"Authorization: Basic " + base64.b64encode(b"u:" + key.encode()))
    )
    found = {re.sub(r" (of )?[0-9]+", "", leak) for leak in exposure.leaks(secrets)}
    assert found == {
        "key in environ",
        "key in cmdline",
        f"key in stderr of version {key}",
        f"key in stdout of version {key}",
        f"key in {directory}/state/lock",
        f"key in {scratch}/name {key}",
        "key in log",
        "VAULT_TOKEN in stdout of get billing",
    }


def test_the_walk_finds_a_core(tmp_path: Path) -> None:
    """A control: without hardening there is one, as far as this machine makes any."""
    canary = "sk-svcacct-canary-0123456789"
    program = "import os, sys; canary = sys.stdin.read(); os.abort()"
    with cores_allowed():
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, cwd=tmp_path
        )
    assert process.stdin is not None
    process.stdin.write(canary.encode())
    process.stdin.close()
    ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    process.wait()
    assert ended is not None
    assert ended.si_status == signal.SIGABRT
    limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
    pattern = Path("/proc/sys/kernel/core_pattern").read_text()
    if limit == 0 or pattern.startswith(("|", "/", "\n")):  # none, or handed to somebody else
        return
    assert ended.si_code == os.CLD_DUMPED
    (core,) = tmp_path.iterdir()
    assert leaks({"key": canary}, [(core.name, core.read_bytes())]) == [f"key in {core.name}"]
    core.unlink()
