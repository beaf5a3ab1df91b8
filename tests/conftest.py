from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import httpcore  # noqa: F401 - whole, before the agent leaves parts of it out (host/imports.py)
import hypothesis
import pytest

from testbed.emulator.process import OpenAIServer
from testbed.signals import keep_from_children
from testbed.toxiproxy import ToxiproxyServer
from testbed.vault import VaultServer
from tests.vault.authority import CertificateAuthority

if TYPE_CHECKING:
    from collections.abc import Iterator

keep_from_children()  # tests end what they start by signals
# A busy machine takes long for an example, too; pytest's timeout bounds a test as a whole.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

CORE = Path(__file__).parent / "core"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure the core's coverage by its own tests: to trace the others takes twice their time."""
    for item in items:
        if CORE not in item.path.parents:
            item.add_marker(pytest.mark.no_cover)


@pytest.fixture(scope="session")
def vault() -> Iterator[VaultServer]:
    """One real Vault for the whole run; every test has a mount, a role, and a login of its own."""
    with VaultServer() as server:
        yield server


@pytest.fixture(scope="session")
def openai_server() -> Iterator[OpenAIServer]:
    """One emulator for the whole run; a test that sets settings puts them back."""
    with OpenAIServer() as server:
        yield server


@pytest.fixture(scope="session")
def toxiproxy() -> Iterator[ToxiproxyServer]:
    with ToxiproxyServer() as server:
        yield server


@pytest.fixture(scope="session")
def authority(vault: VaultServer, tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority.create(vault, tmp_path_factory.mktemp("ca"))


@pytest.fixture
def tmpfs_path() -> Iterator[Path]:
    """A directory on tmpfs, with a path short enough for a socket."""
    directory = Path(tempfile.mkdtemp(prefix="freshkey-", dir="/dev/shm"))
    yield directory
    shutil.rmtree(directory)
