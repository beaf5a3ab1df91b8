from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testbed.emulator.process import OpenAIServer
from testbed.toxiproxy import ToxiproxyServer
from testbed.vault import VaultServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def vault() -> Iterator[VaultServer]:
    """One real Vault for the whole run; every test has a mount, a role, and a login of its own."""
    with VaultServer() as server:
        yield server


@pytest.fixture(scope="session")
def openai_server() -> Iterator[OpenAIServer]:
    """One emulator for the whole run; a test that sets knobs puts them back."""
    with OpenAIServer() as server:
        yield server


@pytest.fixture(scope="session")
def toxiproxy() -> Iterator[ToxiproxyServer]:
    with ToxiproxyServer() as server:
        yield server
