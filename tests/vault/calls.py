"""A mint by a client of its own, and what is told when it fails."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.faults import Fault, FaultError
from freshkey.core.model.secret import Secret

from tests.vault.conftest import make_client
from tests.vault.servers import answer

if TYPE_CHECKING:
    from freshkey.core.model.grants import Grant

TOKEN = Secret("hvs.canary")
PATH = "openai/creds/billing"
MINTED = answer(
    body={"lease_id": f"{PATH}/x", "lease_duration": 60, "data": {"api_key": "sk-1"}, "auth": None}
)


async def mint(*addresses: str, seconds: float = 5.0) -> Grant:
    client = make_client(addresses[0], addresses=addresses[1:], timeout=seconds, namespace="team")
    return await client.mint(TOKEN, PATH, "api_key", None)


async def fault(*addresses: str, seconds: float = 5.0) -> Fault:
    with pytest.raises(FaultError) as caught:
        await mint(*addresses, seconds=seconds)
    assert "canary" not in caught.value.fault.message
    return caught.value.fault


def refusing() -> str:
    """Return an address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
