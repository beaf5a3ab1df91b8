"""The official client takes the callables as they are, also as mypy sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.client import AsyncFileKey, FileKey, NoKeyError, SocketKey
from openai import AsyncOpenAI, OpenAI

if TYPE_CHECKING:
    from pathlib import Path


def test_it_asks_at_each_request(tmp_path: Path) -> None:
    with OpenAI(api_key=FileKey(tmp_path / "none", wait=0)) as client:
        for _ in range(2):
            with pytest.raises(NoKeyError, match="is the agent running"):
                client.models.list()


async def test_the_async_one_too(tmp_path: Path) -> None:
    async with AsyncOpenAI(api_key=AsyncFileKey(tmp_path / "none", wait=0)) as client:
        with pytest.raises(NoKeyError, match="is the agent running"):
            await client.models.list()


def test_types_are_not_mixed_up(tmp_path: Path) -> None:
    """Each `ignore` is needed, or mypy complains of it."""
    OpenAI(api_key=AsyncFileKey(tmp_path)).close()  # type: ignore[arg-type]  # an asynchronous key
    AsyncOpenAI(api_key=SocketKey("billing"))  # type: ignore[arg-type]  # a synchronous key
