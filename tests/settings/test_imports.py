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
