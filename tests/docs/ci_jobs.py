"""The whole jobs of docs/ci.md, run here as the platform's runner runs them."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
from contextlib import contextmanager
from threading import Thread
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.docs.pages import commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

REQUEST_TOKEN = "the-runner"
NONE: Mapping[str, str] = MappingProxyType({})
SHARED = "/dev/shm/freshkey"  # noqa: S108 - what the page names


class Runner:
    """Runs scripts in a checkout; what the page has in /dev/shm is in `shared` here."""

    def __init__(self, directory: Path, shared: Path, environment: Mapping[str, str]) -> None:
        self.directory, self._shared = directory, shared
        self._environment = dict(environment)
        self.output = ""

    def script(self, text: str, variables: Mapping[str, str] = NONE, umask: int = 0o022) -> int:
        """Return the status of a script that a shell runs to its first fault."""
        with subprocess.Popen(
            ["bash", "-e", "-c", text.replace(SHARED, str(self._shared))],
            cwd=self.directory,
            env={**self._environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            umask=umask,
            start_new_session=True,
        ) as process:
            try:
                self.output += process.communicate(timeout=60)[0]
            finally:  # a job that waits for ever: all of it has to end, and with it its agent
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        return process.returncode

    def github(self, identity: str) -> int:
        """Run the job as GitHub's runner does: a shell for each step, until one fails."""
        job: dict[str, Any] = yaml.safe_load(commands("ci-github"))
        assert job["permissions"] == {"contents": "read", "id-token": "write"}
        variables = {
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
            "ACTIONS_ID_TOKEN_REQUEST_URL": identity,
        }
        status = 0
        for step in job["jobs"]["evaluate"]["steps"]:
            if "run" in step and (status == 0 or step.get("if") == "always()"):
                status = self.script(step["run"], variables) or status
        return status

    def gitlab(self, token: Callable[[str], str]) -> int:
        """Run the job as GitLab's runner does: one shell for the script, one for what is after."""
        job: dict[str, Any] = yaml.safe_load(commands("ci-gitlab"))["evaluate"]
        variables = {name: token(each["aud"]) for name, each in job["id_tokens"].items()}
        for path in (self.directory, *self.directory.iterdir()):  # its checkout
            path.chmod(0o777 if path.is_dir() else 0o666)
        script = "set -o pipefail\n" + "\n".join(job["script"])
        status = self.script(script, variables, umask=0)
        self.script("\n".join(job["after_script"]), umask=0)
        return status


@contextmanager
def identity_service(token: Callable[[str], str | None]) -> Iterator[str]:
    """Give tokens as GitHub does; `token` makes one for an audience. Yields the request's URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            known = self.headers["Authorization"] == f"bearer {REQUEST_TOKEN}"
            body = json.dumps({"value": token(query["audience"][0])}).encode()
            self.send_response(200 if known and "api-version" in query else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/token?api-version=2.0"
        finally:
            server.shutdown()
            thread.join()
