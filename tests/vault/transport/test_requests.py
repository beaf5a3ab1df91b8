"""What a request holds, and what none can carry."""

from __future__ import annotations

import socket

import pytest
from freshkey.core.model.faults import FaultError, FaultKind
from freshkey.core.model.secret import Secret
from freshkey.settings.model import VaultSettings
from freshkey.vault.transport.connection import Connection
from freshkey.vault.transport.tls import Trust

from tests.vault.calls import MINTED, PATH, TOKEN, mint, refusing
from tests.vault.conftest import make_client
from tests.vault.servers import ScriptedServer, answer


async def test_what_is_sent() -> None:
    with ScriptedServer(MINTED) as server:
        grant = await mint(server.address + "/base")
    request = server.requests[0]
    assert request.line == f"GET /base/v1/{PATH} HTTP/1.1"
    assert request.headers["x-vault-token"] == TOKEN.reveal()
    assert request.headers["x-vault-request"] == "true"
    assert request.headers["x-vault-namespace"] == "team"
    assert grant.secret == Secret("sk-1")


async def test_environment_gives_no_token_or_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VAULT_ADDR", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, refusing())
    monkeypatch.setenv("VAULT_TOKEN", "hvs.other")
    monkeypatch.setenv("VAULT_NAMESPACE", "other")
    with ScriptedServer(answer(body={})) as server:
        await make_client(server.address).ping()
    assert not {"x-vault-token", "x-vault-namespace"} & set(server.requests[0].headers)


def connection_to(address: str) -> Connection:
    return Connection(address, Trust(VaultSettings(address=address)), 0.5)


@pytest.mark.parametrize(
    ("target", "header"),
    [("/v1/a b", "x"), ("/v1/a\r\nB: c", "x"), ("/v1/ä", "x"), ("/", "x\r\ny")],
)
async def test_what_no_request_can_carry_is_not_sent(target: str, header: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        connection = connection_to(address)
        with pytest.raises(FaultError) as caught:
            connection.request("GET", target, None, {"X": header})
    assert caught.value.fault.kind is FaultKind.BAD_REQUEST
    assert caught.value.fault.message == (
        "the request can't be sent: it holds characters that no request can carry"
    )


async def test_a_token_that_no_header_can_carry() -> None:
    with ScriptedServer(MINTED) as server:
        for bad in ("hvs.canary\r\nX-Evil: 1", "hvs.canary\u00e9"):
            with pytest.raises(FaultError) as caught:
                await make_client(server.address).look_up_lease(Secret(bad), "x")
            assert caught.value.fault.kind is FaultKind.BAD_REQUEST
            assert "canary" not in str(caught.value)
    assert not server.requests
