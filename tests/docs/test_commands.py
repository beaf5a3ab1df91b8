"""What pages say to run, run as it stands there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.agent.conftest import engine  # noqa: F401 - a fixture
from tests.docs.pages import commands, tables
from tests.logins.issuer import AUDIENCE, SUBJECT, Issuer

if TYPE_CHECKING:
    from tests.agent.harness import Engine

EVALUATE = """
import http.client, os
connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["OPENAI_PORT"]), timeout=10)
headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
connection.request("GET", "/v1/models", headers=headers)
print(connection.getresponse().status)
"""


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


def test_ci(engine: Engine, tmpfs_path: Path, tmp_path: Path) -> None:  # noqa: F811 - the fixture
    """A job has a key for as long as its command runs, and leaves none."""
    issuer, vault, mount = Issuer(), engine.vault, f"{engine.mount}-jwt"
    vault.request("POST", f"sys/auth/{mount}", {"type": "jwt"})
    keys = {"jwt_validation_pubkeys": [issuer.public_key]}
    vault.request("POST", f"auth/{mount}/config", keys)
    role = {
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_subject": SUBJECT,
        "bound_audiences": [AUDIENCE],
        "token_policies": [engine.mount],
    }
    vault.request("POST", f"auth/{mount}/role/ci-evaluations", role)
    (table,) = tables("ci.md")
    for old, new in (
        ("https://vault.example:8200", vault.address),
        ('method = "jwt"', f'method = "jwt"\nmount = "{mount}"'),
        ("/dev/shm/freshkey", str(tmpfs_path)),  # noqa: S108 - what the page names
        ("openai/creds/evaluations", engine.path),
        ('ttl = "1h"\n', ""),
    ):
        assert table.count(old) >= 1, old
        table = table.replace(old, new)
    base_url = f'[keys.evaluations.verify]\nbase_url = "{engine.openai.base_url}"\n'
    (tmp_path / "freshkey.toml").write_text(table + base_url)
    (tmp_path / "identity-token").write_text(issuer.token())
    (tmp_path / "evaluate.py").write_text(EVALUATE)
    done = run(commands("ci"), tmp_path, OPENAI_PORT=f"{engine.openai.port}")
    assert (done.returncode, done.stdout) == (0, "200\n"), done.stderr
    assert engine.counts()["live"] == 0
    vault.request("DELETE", f"sys/auth/{mount}")


def test_the_next_application(tmp_path: Path) -> None:
    done = run(commands("next"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "openai/roles/search" in (tmp_path / "search-setup.sh").read_text()
