"""An environment for builds in which Go is a shell script."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testbed import build
from testbed.binaries import BUILT

ROOT = BUILT.parents[1]

GO = """#!/bin/sh
case $1 in
env) printf '%s\\n' "$FAKE_VERSION" linux amd64 ;;
list) echo go: downloading example.org/a v1.0.0; printf '%s\\n' a b c ;;
build)
    while [ "$1" != -o ]; do shift; done
    echo "$2" >> "$FAKE_CALLS"
    eval "$FAKE_BUILD"
    echo binary > "$2" ;;
esac
"""


class BuildEnvironment:
    """A Go on PATH, a cache, and a checkout to build into, all of its own."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.cache = directory / "cache" / "freshkey-testbed"
        self.into = directory / "checkout" / "bin"
        self.build_started = directory / "calls.started"
        self.release_fifo = directory / "fifo"
        self._calls = directory / "calls"
        go = directory / "path" / "go"
        go.parent.mkdir()
        go.write_text(GO)
        go.chmod(0o755)
        for name in ("VAULT_BIN", "OPENAI_PLUGIN_BIN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PATH", f"{go.parent}:{os.environ['PATH']}")
        monkeypatch.setenv("XDG_CACHE_HOME", str(self.cache.parent))
        monkeypatch.setenv("FAKE_CALLS", str(self._calls))
        monkeypatch.setenv("FAKE_FIFO", str(self.release_fifo))
        monkeypatch.setenv("FAKE_VERSION", "go1.99.0")
        monkeypatch.setenv("FAKE_BUILD", "")

    def go_builds_with(self, script: str) -> None:
        self.monkeypatch.setenv("FAKE_BUILD", script)

    def build(self, into: Path | None = None, *options: str) -> int:
        arguments = ["build", *options, "--into", str(into or self.into)]
        self.monkeypatch.setattr(sys, "argv", arguments)
        before = signal.getsignal(signal.SIGTERM)
        try:
            return build.main()
        finally:
            signal.signal(signal.SIGTERM, before)

    @contextmanager
    def process(self) -> Iterator[subprocess.Popen[str]]:
        command = [sys.executable, "-m", "testbed.build", "--into", str(self.into)]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as child:
            try:
                yield child
            except BaseException:
                child.kill()  # or its end would be waited for
                raise

    def builds(self) -> list[str]:
        return [Path(line).name for line in self._calls.read_text().splitlines()]

    def binaries(self) -> set[Path]:
        return {path.resolve() for path in self.into.iterdir()}

    def wait_until_building(self) -> None:
        deadline = time.monotonic() + 10
        while not self.build_started.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
