"""Answers that are not Vault's, by real sockets: each one is told apart."""

from __future__ import annotations

import pytest
from freshkey.core.model.faults import FaultKind

from tests.vault.calls import PATH, fault
from tests.vault.servers import ScriptedServer, answer

HTML = answer(200, b"<html>Please log in</html>", content_type="text/html")


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (HTML, "status 200, text/html"),
        (answer(404, b"", content_type=""), "status 404, no content type"),
        (answer(200, b""), "status 200, application/json"),
        (answer(200, [1]), "status 200, application/json"),
        (answer(200, b'{"lease_id": "x'), "status 200, application/json"),
        (answer(200, b"[" * 100_000), "status 200, application/json"),
        (answer(200, {"ok": True}), f"JSON without what a read of {PATH} gives"),
        (answer(500, {"error": "x"}), "status 500, application/json"),
        (answer(200, b" " * ((1 << 20) + 1)), "with more than 1 MiB"),
        (b"220 mail.example ESMTP\r\n", "not in HTTP"),
        (HTML.replace(b"Content-Length", b"Content-Length: 7\r\nContent-Length"), "not in HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: " + b"x" * 70_000, "not in HTTP"),
    ],
)
async def test_an_address_that_is_not_vault(sent: bytes, reason: str) -> None:
    with ScriptedServer(sent) as server:
        found = await fault(server.address)
    assert found.kind is FaultKind.MALFORMED
    assert found.message.startswith(f"the address answers, but not as Vault does: {reason}")
    assert "log in" not in found.message
    assert found.unanswered


async def test_plain_http_to_a_tls_port() -> None:
    body = b"Client sent an HTTP request to an HTTPS server.\n"
    with ScriptedServer(answer(400, body, content_type="text/plain")) as server:
        found = await fault(server.address)
    assert "it speaks https only" in found.message
    assert not found.unanswered
