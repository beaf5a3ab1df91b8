from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.vault.login.cloud.standin import ACCEPTED, Cloud
from tests.vault.servers import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _nothing_of_a_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    starts = ("AWS_", "AZURE_", "IDENTITY_", "GCE_")
    for name in [name for name in os.environ if name.startswith(starts)]:
        monkeypatch.delenv(name)
    # Whoever asks a metadata server through a proxy gets no answer.
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud() as server:
        yield server


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """For tests that set what is otherwise unset."""
    return monkeypatch


@pytest.fixture
def vault_login() -> Iterator[ScriptedServer]:
    with ScriptedServer(ACCEPTED) as server:
        yield server
