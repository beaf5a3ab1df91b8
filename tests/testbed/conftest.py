import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from testbed.chaos.run import run_scenario
from testbed.chaos.subjects import SUBJECTS
from testbed.emulator.process import OpenAIServer
from testbed.vault import VaultServer
from tests.testbed.build_environment import BuildEnvironment
from tests.testbed.chaos_runs import Run
from tests.testbed.emulator_key import Keyed, faultless
from tests.testbed.engine import Engine
from tests.testbed.upstream import Upstream, serve_upstream

_NUMBERS = count(1)


@pytest.fixture
def engine(vault: VaultServer, openai_server: OpenAIServer) -> Iterator[Engine]:
    openai_server.reset()
    mount = f"openai-{next(_NUMBERS)}"
    project = openai_server.create_project(mount)
    vault.enable_openai(mount, openai_server.base_url)
    yield Engine(mount, project, openai_server)
    openai_server.configure()
    vault.request("PUT", f"sys/leases/revoke-force/{mount}")
    vault.request("DELETE", f"sys/mounts/{mount}")


@pytest.fixture(scope="module")
def running() -> Iterator[OpenAIServer]:
    """An emulator of the module's own, which logs no fault."""
    with faultless() as server:
        yield server


@pytest.fixture
def keyed(running: OpenAIServer) -> Keyed:
    return Keyed.fresh(running)


@pytest.fixture
def upstream(vault: VaultServer) -> Iterator[Upstream]:
    with serve_upstream() as server:
        vault.enable_openai("recorded", server.url, admin_api_key="sk-admin-old")
        yield server
        server.answers_mints = True
        vault.request("DELETE", "sys/mounts/recorded")


@pytest.fixture
def build_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BuildEnvironment:
    made = BuildEnvironment(tmp_path, monkeypatch)
    os.mkfifo(made.release_fifo)
    return made


@pytest.fixture
def run(tmpfs_path: Path, tmp_path: Path) -> Run:
    """Run a scenario of `make chaos`; the agents' logs go into tmp_path."""
    return lambda scenario: run_scenario(scenario, [*SUBJECTS.values()], tmpfs_path, tmp_path)
