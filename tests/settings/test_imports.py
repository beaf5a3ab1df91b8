"""The configuration is read before anything slow is imported, and by commands that need no more."""

import subprocess
import sys

import pytest

SLOW = {"hvac", "httpx", "trio", "structlog", "jinja2", "prometheus_client", "requests"}


@pytest.mark.parametrize("module", ["freshkey.settings", "freshkey.cli.main"])
def test_nothing_slow_is_imported(module: str) -> None:
    script = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60
    )
    assert not SLOW & set(done.stdout.split())


ASKING = ["status", "get", "watch", "rotate"]


@pytest.mark.parametrize("command", ASKING)
def test_asking_a_running_agent_needs_the_standard_library_alone(command: str) -> None:
    arguments = [command, *(["billing"] if command != "status" else []), "--socket", "/nowhere"]
    arguments += ["--wait", "0"] if command == "get" else []
    script = (
        "import sys; from freshkey.cli.main import main; "
        f"assert main({arguments}) == 1; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60
    )
    modules = {name.partition(".")[0] for name in done.stdout.split()}
    assert f"freshkey.cli.{command}" in done.stdout.split()
    assert not (SLOW | {"attr", "attrs", "httptools", "msgspec"}) & modules
