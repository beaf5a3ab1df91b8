"""What pages say to run, run as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import DOCS, ROOT, commands, tables
from tests.docs.site import needs_curl
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


def test_ci(engine: Engine, tmpfs_path: Path, tmp_path: Path) -> None:
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


class Runner(BaseHTTPRequestHandler):
    """Issues a token as GitHub does, to a job that shows the token of its own."""

    def do_GET(self) -> None:
        asked = (self.headers["Authorization"], self.path)
        assert asked == ("bearer of-the-job", "/token?api-version=2.0&audience=vault")
        self.send_response(HTTPStatus.OK)
        self.end_headers()
        self.wfile.write(b'{"count": 1, "value": "eyJh.eyJz.c2ln"}')

    def log_message(self, *_: object) -> None:
        pass


def in_the_row(platform: str) -> str:
    """The command that a row of the page's table has for a platform."""
    (row,) = re.findall(rf"^\| {platform} \|.*", (DOCS / "ci.md").read_text(), re.MULTILINE)
    return str(re.findall(r"then `(.*?)` \|", row)[0]).replace(r"\|", "|")


@needs_curl
@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is missing: apt-get install jq")
def test_a_token_of_github(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Runner) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/token?api-version=2.0"
        names = ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL")
        variables = dict(zip(names, ("of-the-job", url), strict=True))
        done = run(in_the_row("GitHub Actions"), tmp_path, **variables)
        server.shutdown()
        thread.join()
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "identity-token").read_text().strip() == "eyJh.eyJz.c2ln"


def test_a_token_of_gitlab(tmp_path: Path) -> None:
    done = run(in_the_row("GitLab"), tmp_path, VAULT_TOKEN_JWT="eyJh.eyJz.c2ln")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "identity-token").read_text() == "eyJh.eyJz.c2ln"


def test_the_setup_for_a_pod(tmp_path: Path) -> None:
    page = " ".join((DOCS / "kubernetes.md").read_text().split())
    (command,) = re.findall(r"`(freshkey policy --setup [^`]*)`", page)
    done = run(f"cd {ROOT}; {command}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "<AUDIENCE>" in done.stdout


def test_the_next_application(tmp_path: Path) -> None:
    done = run(commands("next"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "openai/roles/search" in (tmp_path / "search-setup.sh").read_text()
