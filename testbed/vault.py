"""A real Vault in development mode: in memory, unsealed, gone when stopped."""

import json
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from testbed.binaries import OPENAI_PLUGIN, VAULT, binary
from testbed.process import ReservedPort, ServerProcess, StartError
from testbed.vault_api import VaultAPI, VaultError

START_TIMEOUT = 30
"""Seconds; usual is one."""


class VaultServer(VaultAPI):
    """Vault with the OpenAI engine registered, in a directory of its own that `stop` removes.

    `auth_plugins`, login methods and their binaries, are those that are not built into this Vault.
    The root token is drawn anew and is in no argv; `unseal_key` is the only key share, known from
    `start` on. `settings` add to its configuration, a second listener for one. `with VaultServer()
    as vault:` starts and stops.
    """

    def __init__(
        self,
        *,
        auth_plugins: Mapping[str, str] | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self._auth_plugins = auth_plugins or {}
        self._settings = settings or {}
        self._port = ReservedPort()
        super().__init__(f"http://127.0.0.1:{self._port.number}", secrets.token_hex(16))
        self.unseal_key = ""
        self._directory: Path | None = None
        self._process: ServerProcess | None = None

    @property
    def root_token(self) -> str:
        """The root token."""
        return self.token

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._port.number

    @property
    def process(self) -> ServerProcess:
        """The running server."""
        if self._process is None:
            raise RuntimeError("Vault is not running")
        return self._process

    def start(self) -> None:
        """Start and wait until it answers; StartError when it doesn't."""
        vault = binary(VAULT)
        plugins = {name: binary(name) for name in (OPENAI_PLUGIN, *self._auth_plugins.values())}
        self._directory = Path(tempfile.mkdtemp(prefix="freshkey-vault-"))
        plugin_directory = self._directory / "plugins"
        plugin_directory.mkdir()
        for name, path in plugins.items():
            install_plugin(path, plugin_directory / name)
        config = self._directory / "vault.json"
        settings = {
            "plugin_directory": str(plugin_directory),
            "disable_mlock": True,
            **self._settings,
        }
        config.write_text(json.dumps(settings))
        options = ["-dev", "-dev-no-store-token", f"-config={config}"]
        environment = {
            "PATH": os.defpath,
            "HOME": str(self._directory),
            "TMPDIR": str(self._directory),  # for the plugins' sockets
            "VAULT_DEV_LISTEN_ADDRESS": self.address.removeprefix("http://"),
            "VAULT_DEV_ROOT_TOKEN_ID": self.token,
        }
        log = self._directory / "vault.log"
        self._process = ServerProcess([vault, "server", *options], log=log, environment=environment)
        try:
            self._wait_until_ready()
            self.register_plugin("secret", OPENAI_PLUGIN, OPENAI_PLUGIN)
            for method, name in self._auth_plugins.items():
                self.register_plugin("auth", method, name)
        except BaseException:
            self.kill()
            raise

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while not (self._answers() and self._printed_unseal_key()):
            if not self.process.running or time.monotonic() > deadline:
                raise StartError(f"Vault did not start: {self.process.tail()}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            self.request("GET", "sys/health", timeout=1)
        except (OSError, VaultError):
            return False
        return True

    def _printed_unseal_key(self) -> bool:
        found = re.search(r"^Unseal Key: (\S+)\n", self.process.log.read_text(), re.MULTILINE)
        self.unseal_key = found[1] if found else ""
        return found is not None

    def stop(self) -> None:
        """End it and its plugins, and remove its directory. May be called twice."""
        if self._process is not None:
            self._process.stop()
        self._clear()

    def kill(self) -> None:
        """As `stop`, with SIGKILL."""
        if self._process is not None:
            self._process.kill()
        self._clear()

    def freeze(self) -> None:
        """Let it answer nothing until `thaw`."""
        self.process.freeze()

    def thaw(self) -> None:
        """Let it go on."""
        self.process.thaw()

    def _clear(self) -> None:
        self._process = None
        self._port.close()
        if self._directory is not None:
            shutil.rmtree(self._directory)
            self._directory = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def install_plugin(plugin: Path, target: Path) -> None:
    """Vault runs plugins from one directory only, and follows no symbolic link out of it."""
    try:
        target.hardlink_to(plugin)
    except OSError:  # on another file system, or somebody else's
        shutil.copy(plugin, target)
