"""The key is in nothing that a client of the gateway, or a reader of its record, sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.agent.harness import eventually
from tests.gateway.rotations import generations, rotating

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Agent, Engine

pytestmark = [pytest.mark.gateway, pytest.mark.timeout(300)]


def test_the_key_is_in_nothing_that_a_client_sees(
    make_gateway: Callable[..., Agent],
    engine: Engine,
    port: int,
    given: Callable[[], dict[str, str]],
) -> None:
    """Nor in the log, the audit file, or the metrics."""
    agent = make_gateway(overlap='"1s"')
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
        seen = b""
        with rotating(agent):
            for path in ("/v1/models", "/v1/nothing", "/v1/organization", "/v1/files", "/"):
                answer = http.get(path, headers={"Authorization": "Bearer any"})
                seen += str(answer.headers.multi_items()).encode() + answer.content
            before = generations(agent)
            eventually(lambda: generations(agent) > before + 1, "two more keys")
        engine.openai.configure(errors={"models.list": "invalid_api_key"})
        refused = http.get("/v1/models")
        assert refused.status_code == 401
        seen += refused.content
    written = [(agent.directory / name).read_bytes() for name in ("log", "audit")]
    keys = given()
    assert len([name for name in keys if name.startswith("key")]) > 2
    for secret in keys.values():
        assert secret.encode() not in b"".join([seen, *written, agent.get("/metrics")[2]])
