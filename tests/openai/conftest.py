from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testbed.emulator.process import OpenAIServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def openai_server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server
