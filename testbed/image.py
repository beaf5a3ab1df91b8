"""The image that Dockerfile describes, built by buildah without an engine, and its root directory.

Its base is a Debian by debootstrap, because no registry is asked.
"""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from testbed.debian import DebianRoot, UnavailableError, missing_tools, pip_environment

BASE = DebianRoot("image-base", ("ca-certificates", "python3", "python3-venv"))
_BASE_NAME = "localhost/freshkey-base"
_NAME = "localhost/freshkey"
_TOOLS = (("buildah", "buildah"), ("debootstrap", "debootstrap"))


@dataclass(frozen=True)
class Config:
    """What an image says of its containers."""

    user: str
    environment: dict[str, str]
    command: tuple[str, ...]
    health_check: tuple[str, ...]
    stop_signal: str
    labels: dict[str, str]


class ImageBuilder:
    """A context manager with a store of its own, which it removes. Raises UnavailableError."""

    def __enter__(self) -> Self:
        if (why := missing_tools(_TOOLS)) is not None:
            raise UnavailableError(why)
        self._directory = tempfile.TemporaryDirectory(prefix="freshkey-images-")
        store = Path(self._directory.name)
        self._options = [f"--root={store}/root", f"--runroot={store}/run", "--storage-driver=vfs"]
        base = self.buildah("from", "scratch")
        self.buildah("add", "--quiet", base, f"{BASE.path()}/", "/")
        self.buildah("commit", "--quiet", base, _BASE_NAME)
        self.buildah("rm", base)
        return self

    def __exit__(self, *_: object) -> None:
        self.buildah("rm", "--all")
        self._directory.cleanup()

    def build(self, tree: Path, time: int) -> None:
        """Build the image of a clone; `time` is what all files in it are from."""
        self.buildah(
            "build",
            "--quiet",
            "--format=docker",  # OCI's own knows no health check
            "--layers=false",
            "--no-cache",
            f"--timestamp={time}",
            f"--build-arg=BASE_IMAGE={_BASE_NAME}",
            f"--tag={_NAME}",
            f"{tree}",
        )

    def mount(self) -> Path:
        """Return the root directory of a container of the image."""
        return Path(self.buildah("mount", self.buildah("from", _NAME)))

    def config(self) -> Config:
        """Return what the image says of its containers."""
        shown: dict[str, Any] = json.loads(self.buildah("inspect", "--type=image", _NAME))
        config = shown["Docker"]["config"]
        return Config(
            user=config["User"],
            environment=dict(line.split("=", 1) for line in config["Env"]),
            command=(*config["Entrypoint"], *config["Cmd"]),
            health_check=tuple(config["Healthcheck"]["Test"][1:]),
            stop_signal=config["StopSignal"],
            labels=config["Labels"],
        )

    def buildah(self, *arguments: str) -> str:
        """Run buildah; return what it printed. AssertionError with its words when it fails."""
        own = {"BUILDAH_ISOLATION": "chroot", "TMPDIR": self._directory.name}
        command = ["buildah", *self._options, *arguments]
        done = subprocess.run(
            command,
            env={**pip_environment(), **own, "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"buildah {arguments[0]}: {done.stdout}{done.stderr}".strip())
        return done.stdout.strip()
