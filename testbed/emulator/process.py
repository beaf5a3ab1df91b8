"""The emulator as a process of its own, for tests and the demo."""

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack, cast

from testbed.emulator.organization import ADMIN_API_KEY
from testbed.emulator.settings import SettingsFields
from testbed.emulator.snapshot import StateSnapshot
from testbed.emulator.traffic import TrafficSnapshot

ROOT = Path(__file__).parents[2]
START_TIMEOUT = 30
STOP_TIMEOUT = 5
CALL_TIMEOUT = 10
"""Seconds, all three."""


class EmulatorError(RuntimeError):
    """The emulator did not start, or refused a call; the text is one line."""


class OpenAIServer:
    """One emulator on a free loopback port; a context manager that starts and stops it.

    It ends with the process that started it, however that ends. Not for several threads at once.
    """

    def __init__(self) -> None:
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._log = Path(os.devnull)

    def start(self) -> None:
        """Start it and wait until it listens; raises EmulatorError when it doesn't."""
        self._directory = tempfile.TemporaryDirectory(prefix="emulator-")
        port_file = Path(self._directory.name, "port")
        log = self._log = Path(self._directory.name, "log")
        program = [sys.executable, "-m", "testbed.emulator", "--until-stdin-closes"]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*program, "--port", "0", "--port-file", str(port_file)],
                cwd=ROOT,
                env={"PATH": os.environ.get("PATH", os.defpath)},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=output,
                # Ctrl-C in a terminal is for whoever started this, who may still need it.
                process_group=0,
            )
        deadline = time.monotonic() + START_TIMEOUT
        while not port_file.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                last = log.read_text().strip().rpartition("\n")[2]
                self.stop()
                raise EmulatorError(f"the OpenAI emulator did not start: {last or 'no reason'}")
            time.sleep(0.01)
        self._port = int(port_file.read_text())

    def stop(self) -> None:
        """Stop it, answering no more; does nothing when it doesn't run."""
        if self._process is not None:
            # What it serves is in nobody's interest any more, and it has nothing to save.
            self._process.kill()
            self._process.communicate(timeout=STOP_TIMEOUT)
            self._process = None
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._port

    @property
    def pid(self) -> int:
        """The process id; raises EmulatorError when it does not run."""
        if self._process is None:
            raise EmulatorError("the OpenAI emulator does not run")
        return self._process.pid

    @property
    def log(self) -> str:
        """What it wrote to its standard error so far: nothing, unless it has a fault."""
        return self._log.read_text()

    @property
    def exchange_url(self) -> str:
        """Where identity tokens are exchanged."""
        return f"http://127.0.0.1:{self._port}/oauth/token"

    @property
    def base_url(self) -> str:
        """What OPENAI_BASE_URL and the engine's `api_endpoint` are set to."""
        return f"http://127.0.0.1:{self._port}/v1"

    def configure(self, **settings: Unpack[SettingsFields]) -> None:
        """Set these settings, and all others to their default; `configure()` heals everything.

        `EmulatorSettings` explains them. Raises EmulatorError for a wrong one.
        """
        self._call("PUT", "/control/settings", settings)

    def state(self) -> StateSnapshot:
        """Return which keys live, and what was counted."""
        return cast("StateSnapshot", self._call("GET", "/control/state"))

    def traffic(self, last: int = 1000) -> TrafficSnapshot:
        """Return what is under way, the hang-ups, and the last so many requests."""
        path = f"/control/traffic?last={last}"
        return cast("TrafficSnapshot", self._call("GET", path))

    def reset(self) -> None:
        """Forget all accounts, counts, and settings."""
        self._call("POST", "/control/reset")

    def delete_account(self, account_id: str) -> None:
        """Delete a service account behind Vault's back; raises EmulatorError if there is none."""
        self._call("POST", "/control/delete_account", {"account_id": account_id})

    def create_project(self, name: str) -> str:
        """Add a project to the organization; return its id."""
        made = self._call("POST", "/v1/organization/projects", {"name": name})
        return str(cast("dict[str, object]", made)["id"])

    def admin(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Call what is below /v1/organization, as an administrator; raises EmulatorError."""
        return cast("dict[str, Any]", self._call(method, f"/v1/organization{path}", body))

    def create_key(self, project_id: str) -> tuple[str, str]:
        """Make a service account as a person would; return its id and its key."""
        path = f"/v1/organization/projects/{project_id}/service_accounts"
        made = cast("dict[str, Any]", self._call("POST", path, {"name": "by-hand"}))
        return str(made["id"]), str(made["api_key"]["value"])

    def audited(self, kind: str) -> dict[str, float]:
        """Return what the audit log has of one type of event: ids with their times."""
        found: dict[str, float] = {}
        after = ""
        while True:
            path = f"/v1/organization/audit_logs?limit=100&event_types[]={kind}{after}"
            page = cast("dict[str, Any]", self._call("GET", path))
            found |= {entry[kind]["id"]: entry["effective_at"] for entry in page["data"]}
            if not page["has_more"]:
                return found
            after = f"&after={page['last_id']}"

    def _call(self, method: str, path: str, body: object = None) -> object:
        # Not urllib: it would send this through the proxy that the environment names.
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=CALL_TIMEOUT)
        try:
            headers = {"Authorization": f"Bearer {ADMIN_API_KEY}"}
            connection.request(method, path, json.dumps(body), headers)
            response = connection.getresponse()
            content = response.read()
        except OSError as error:
            raise EmulatorError(f"{method} {path}: no answer from the emulator: {error}") from error
        finally:
            connection.close()
        answer: object = json.loads(content) if content else None
        if response.status >= http.client.BAD_REQUEST:
            line = answer["error"] if isinstance(answer, dict) else response.status
            raise EmulatorError(f"{method} {path}: {line}")
        return answer
