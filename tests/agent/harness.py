"""A running agent with everything around it: for tests of the whole."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from testbed.emulator.process import OpenAIServer
from testbed.vault import VaultServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from testbed.emulator.snapshot import GroupState

T = TypeVar("T")

PATIENCE, _TICK = 20.0, 0.01  # seconds until a test gives up, and from one look to the next


def eventually(condition: Callable[[], T | None], what: str, seconds: float = PATIENCE) -> T:
    """Return the first true answer of `condition`; fail when there is none in time."""
    end = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < end, f"{what}: not within {seconds:g} s"
        time.sleep(_TICK)
    return answer


@dataclass
class Engine:
    """The OpenAI engine at a mount of its own, with one role, one project, and an AppRole."""

    vault: VaultServer
    openai: OpenAIServer
    mount: str
    project_id: str
    role_id: str
    secret_id: str

    @property
    def path(self) -> str:
        return f"{self.mount}/creds/billing"

    def counts(self) -> GroupState:
        none: GroupState = {"live": 0, "high_water": 0, "mints": 0, "deletions": 0}
        return self.openai.state()["projects"].get(self.project_id, none)

    def live_fingerprints(self) -> set[str]:
        keys = self.openai.state()["live"]
        return {key["fingerprint"] for key in keys if key["project_id"] == self.project_id}

    def works(self, key: str) -> bool:
        """Whether OpenAI takes a key now, asked as an application would."""
        connection = http.client.HTTPConnection("127.0.0.1", self.openai.port, timeout=5)
        try:
            connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"})
            return connection.getresponse().status == http.HTTPStatus.OK
        finally:
            connection.close()

    def tokens(self) -> list[dict[str, Any]]:
        """Look up the tokens that live and came from this engine's auth mount."""
        return self.vault.tokens(self.mount)

    def delete_account(self) -> None:
        """Delete the one service account behind Vault's back."""
        (key,) = (k for k in self.openai.state()["live"] if k["project_id"] == self.project_id)
        self.openai.delete_account(key["account_id"])

    def set_ttl(self, ttl: str, **settings: object) -> None:
        self.vault.write_role(
            self.mount, "billing", project_id=self.project_id, ttl=ttl, max_ttl="24h", **settings
        )


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the agent's socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=5)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(5)
        self.sock.connect(str(self._path))


@dataclass
class Agent:
    """`freshkey` in a directory of its own; its configuration is there before it starts."""

    directory: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    _has_reads_in_its_log: bool = False

    @property
    def config(self) -> Path:
        return self.directory / "config.toml"

    @property
    def key_file(self) -> Path:
        return self.directory / "keys" / "billing"

    @property
    def journal(self) -> Path:
        return self.directory / "state" / "journal.json"

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the agent to its end."""
        return subprocess.run(
            [sys.executable, "-m", "freshkey", *arguments, "--config", str(self.config)],
            env={"PATH": os.defpath, **self.environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, stderr: int | None = None, *before: str) -> None:
        """Start it by the command `before`; `stderr` takes its log in place of a file."""
        audited = "audit_file" in self.config.read_text()
        self._has_reads_in_its_log = stderr is None and not before and not audited
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*before, sys.executable, "-m", "freshkey", "run", "--config", str(self.config)],
                env={"PATH": os.defpath, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log if stderr is None else stderr,
            )

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=30)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def log(self) -> list[dict[str, Any]]:
        text = (self.directory / "log").read_text()
        lines = text[: text.rfind("\n") + 1].splitlines()  # the last one may be half written
        return [json.loads(line) for line in lines if line.startswith("{")]

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.log() if line["event"] == event]

    def told(self, event: str, times: int = 1) -> list[dict[str, Any]]:
        """Wait for an event in the log, whose thread may be later than the socket."""
        eventually(lambda: len(self.logged(event)) >= times, f"{event} in the log")
        return self.logged(event)

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Ask the socket; return status, headers, and body."""
        return self._ask("GET", path, None, headers)

    def post(self, path: str, **body: object) -> int:
        """Post an object to the socket; return the status."""
        return self._ask("POST", path, json.dumps(body), {})[0]

    def status(self) -> dict[str, Any]:
        """Return what the agent says of its one key."""
        answer = json.loads(self.get("/v1/status")[2])
        return {**answer, **answer["keys"][0]}

    def _ask(
        self, method: str, path: str, body: str | None, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        connection = UnixConnection(self.directory / "freshkey.sock")
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def key(self) -> dict[str, Any] | None:
        """Return what the socket says of the key, None while it has none."""
        try:
            status, _, body = self.get("/v1/keys/billing")
        except OSError:
            return None
        return json.loads(body) if status == http.HTTPStatus.OK else None

    def wait_for_key(
        self, *, other_than: str | None = None, seconds: float = PATIENCE
    ) -> dict[str, Any]:
        """Wait for a key, with another tag than this one; its read, and all before, is logged."""

        def published() -> dict[str, Any] | None:
            assert self.process is not None
            assert self.process.poll() is None, "the agent ended: " + str(self.log()[-1:])
            key = self.key()
            return key if key is not None and key["tag"] != other_than else None

        key = eventually(published, "a key on the socket", seconds)
        if self._has_reads_in_its_log:
            read = f'"tag": "{key["tag"]}", "outcome": "served"'
            log = self.directory / "log"
            eventually(lambda: read in log.read_text(), "a thread writes the log")
        return key


def configuration(engine: Engine, address: str, extra: str = "", **options: str) -> str:
    """Return a configuration with one key, `billing`; `options` are TOML values of that key."""
    lines = "\n".join(f"{name} = {value}" for name, value in options.items())
    return f"""
[vault]
address = "{address}"
[auth]
role_id = "{engine.role_id}"
secret_id_file = "secret_id"
[state]
directory = "state"
[server]
socket = "freshkey.sock"
[keys.billing]
path = "{engine.path}"
{lines}
[keys.billing.verify]
base_url = "{engine.openai.base_url}"
activation_timeout = "5s"
[[keys.billing.files]]
path = "keys/billing"
{extra}
"""
