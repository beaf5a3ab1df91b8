"""Whether OpenAI can be reached, asked without a key."""

from __future__ import annotations

from contextlib import aclosing, closing
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.openai import probe
from freshkey.openai.probe import Probe

from testbed.process import ReservedPort
from tests.vault.servers import ScriptedServer, answer

if TYPE_CHECKING:
    from testbed.emulator.process import OpenAIServer


async def reach(base_url: str) -> int | str:
    async with aclosing(Probe(base_url)) as asked:
        return await asked.reach()


async def test_openai_wants_a_key(openai_server: OpenAIServer) -> None:
    openai_server.configure()
    assert await reach(openai_server.base_url) == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("status", [301, 404, 503])
async def test_an_answer_of_any_status(status: int) -> None:
    with ScriptedServer(answer(status, headers={"Location": "/"})) as server:
        assert await reach(f"http://127.0.0.1:{server.port}/v1") == status
    (request,) = server.requests
    assert "authorization" not in request.headers


async def test_nobody_there() -> None:
    with closing(ReservedPort()) as port:
        fault = await reach(f"http://127.0.0.1:{port.number}/v1")
    assert isinstance(fault, str)
    assert fault.startswith("ConnectError")


async def test_somebody_who_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "TIMEOUT", 0.2)
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        port = listener.socket.getsockname()[1]
        assert await reach(f"http://127.0.0.1:{port}/v1") == "no answer within 0.2 s"


async def test_a_proxy_that_can_not_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "ftp://proxy.example")
    assert "HTTPS_PROXY" in str(await reach("https://api.example/v1"))
