"""Servers that quote what they were sent do not get it into a log or an answer."""

from __future__ import annotations

import http.server
import json
import threading
from typing import TYPE_CHECKING

import pytest

from tests.agent.exposure import request
from tests.agent.harness import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.agent.exposure import Exposure
    from tests.agent.harness import Engine


@pytest.fixture
def echo_server() -> Iterator[str]:
    """A server that answers 400 to all, with the whole request in headers and in Vault's errors."""

    class EchoHandler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            errors = [f"I don't like {self.path} {dict(self.headers.items())} {sent}"]
            self.send_response(400)
            self.send_header("Content-Type", "application/json")
            self.send_header("X-Quote", " ".join(errors))
            self.end_headers()
            self.wfile.write(json.dumps({"errors": errors}).encode())

        do_GET = do_PUT = do_POST = answer  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), EchoHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("login", ["approle", "token"])
def test_vault_that_quotes_a_credential(
    engine: Engine, expose: Callable[..., Exposure], echo_server: str, login: str
) -> None:
    exposure = expose(login, address=echo_server)
    agent = exposure.agent
    assert exposure.command("once", "--timeout", "5s", "--config", str(agent.config)) == 1
    assert b"I don't like" in exposure.shown[-1][1]
    exposure.start()
    eventually(lambda: agent.logged("token.login_failed"), "the refusal is told")
    for path in ("/v1/keys/billing", "/readyz", "/v1/status"):
        assert exposure.ask(request("GET", path))
    assert agent.end() == 0
    assert exposure.leaks({"secret-id": engine.secret_id, **agent.environment}) == []


def test_openai_that_quotes_a_key(
    engine: Engine,
    expose: Callable[..., Exposure],
    given: Callable[[], dict[str, str]],
    echo_server: str,
) -> None:
    exposure = expose()
    agent = exposure.agent
    text = agent.config.read_text().replace(engine.openai.base_url, echo_server)
    agent.config.write_text(text)
    exposure.start()
    tested = eventually(lambda: agent.logged("key.tested"), "the key is tested")
    assert tested[0]["verdict"] == "unknown"
    exposure.ask(request("GET", "/readyz"))
    agent.end()
    heard = [line["message"] for line in agent.logged("library.message")]
    assert any("X-Quote" in message and "***" in message for message in heard)
    assert exposure.leaks({"secret-id": engine.secret_id, **given()}) == []
