"""Proxies of the environment, by real sockets: a host that only the proxy knows is reached."""

from __future__ import annotations

import socket
import threading
from base64 import b64encode
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.secret import Secret
from freshkey.host.proxies import ProxyError, proxy_for
from freshkey.logs.redact import redact_text
from freshkey.vault.transport.connection import PROXIES

from tests.vault.conftest import make_client
from tests.vault.servers import Handler, ScriptedServer, answer

if TYPE_CHECKING:
    from freshkey.vault.client import VaultClient

    from tests.vault.authority import CertificateAuthority

HEALTHY = answer(body={"initialized": True, "sealed": False})
TOKEN = Secret("hvs.canary")
PASSWORD = "p@ss-of-the-proxy"


def tunnel(port: int) -> Handler:
    """Return a script that connects whoever asks with a port of this host."""

    def relay(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(65536):
                sink.sendall(content)
            sink.shutdown(socket.SHUT_WR)

    def script(client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as upstream:
            client.sendall(b"HTTP/1.1 200 Connection established\r\nX-Proxy: yes\r\n\r\n")
            back = threading.Thread(target=relay, args=(upstream, client))
            back.start()
            relay(client, upstream)
            back.join()

    return script


async def fault(client: VaultClient) -> Fault:
    with pytest.raises(FaultError) as caught:
        await client.revoke_token(TOKEN)
    assert PASSWORD not in caught.value.fault.message
    assert "canary" not in caught.value.fault.message
    return caught.value.fault


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "VAULT_PROXY_ADDR"])
async def test_https_goes_through_a_tunnel(
    authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with (
        ScriptedServer(HEALTHY, authority.context()) as vault,
        ScriptedServer(tunnel(vault.port)) as proxy,
    ):
        monkeypatch.setenv(variable, proxy.address)
        client = make_client("https://vault.example:8200", ca_file=authority.ca_file)
        await client.revoke_token(TOKEN)
    assert proxy.requests[0].line == "CONNECT vault.example:8200 HTTP/1.1"
    assert proxy.requests[0].headers == {"host": "vault.example:8200"}  # and no token
    assert vault.requests[0].headers["host"] == "vault.example:8200"
    assert vault.requests[0].headers["x-vault-token"] == TOKEN.reveal()


async def test_http_is_handed_to_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(HEALTHY) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:p%40ss-of-the-proxy@127.0.0.1:{proxy.port}")
        await make_client("http://vault.example/base").ping()
    (request,) = proxy.requests
    assert request.line == "GET http://vault.example/base/v1/sys/health HTTP/1.1"
    assert request.headers["host"] == "vault.example"
    login = b64encode(f"me:{PASSWORD}".encode()).decode()
    assert request.headers["proxy-authorization"] == f"Basic {login}"
    assert PASSWORD not in redact_text(f"the password is {PASSWORD}")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_wants_a_login(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    refused = answer(407, b"<html>", content_type="text/html")
    with ScriptedServer(refused) as proxy:
        variable = f"{scheme.upper()}_PROXY"
        client = make_client(f"{scheme}://vault.example:8200")
        for login, reason in (
            ("", "it wants a user and password"),
            (f"me:{PASSWORD}@", "it takes another user and password"),
        ):
            monkeypatch.setenv(variable, f"http://{login}127.0.0.1:{proxy.port}")
            found = await fault(client)
            assert found.kind is FaultKind.UNREACHABLE
            assert not found.unanswered
            assert found.message == (
                f"Vault at {scheme}://vault.example:8200 can't be reached through the proxy "
                f"127.0.0.1:{proxy.port}: {reason}: put them into {variable}, http://USER:PASSWORD@…"
            )


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (answer(403, b""), "it answers 403 to CONNECT"),
        (answer(502, b""), "it answers 502 to CONNECT"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "it does not answer as a proxy does"),
        (b"", "it does not answer as a proxy does"),
    ],
)
async def test_a_proxy_that_makes_no_tunnel(
    monkeypatch: pytest.MonkeyPatch, sent: bytes, reason: str
) -> None:
    with ScriptedServer(sent) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        found = await fault(make_client("https://vault.example"))
    assert found.kind is FaultKind.UNREACHABLE
    assert found.message.endswith(f"through the proxy 127.0.0.1:{proxy.port}: {reason}")


async def test_a_proxy_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = f"127.0.0.1:{listener.getsockname()[1]}"
    monkeypatch.setenv("HTTPS_PROXY", place)
    found = await fault(make_client("https://vault.example"))
    assert found.message.endswith(f"through the proxy {place}: connection refused")


async def test_a_variable_that_holds_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"socks5://me:{PASSWORD}@proxy:1080")
    found = await fault(make_client("https://vault.example"))
    assert found.kind is FaultKind.UNREACHABLE
    assert found.message == (
        "Vault at https://vault.example can't be reached: HTTPS_PROXY has to be the URL of an "
        'HTTP proxy, such as "http://proxy.example:3128"'
    )


@pytest.mark.parametrize(
    "value",
    [
        "http://",
        "http://[",
        "http://p:x",
        "ftp://p",
        "https://p",
        "http://us\udcffer:pw@p",
        "http://u:p\u00e4ss@p",
        "http://a b",
    ],
)
def test_what_is_no_proxy(value: str) -> None:
    with pytest.raises(ProxyError, match="HTTP_PROXY has to be"):
        proxy_for("http://vault", {"HTTP_PROXY": value})


BOTH = {"HTTP_PROXY": "http://plain:3128", "https_proxy": "secure"}


@pytest.mark.parametrize(
    ("address", "environ", "expected"),
    [
        ("http://vault", {}, None),
        ("http://vault", {"HTTP_PROXY": ""}, None),
        ("http://vault", BOTH, "plain:3128"),
        ("https://vault", BOTH, "secure:80"),
        ("https://vault", {"HTTPS_PROXY": "a", "https_proxy": "b"}, "a:80"),
        ("https://vault", {"ALL_PROXY": "a"}, None),  # as for Vault's own tools
        # This host.
        ("http://localhost:8200", BOTH, None),
        ("http://127.9.9.9:8200", BOTH, None),
        ("http://[::1]:8200", BOTH, None),
        # Vault's own variables hold for every address.
        ("https://localhost", {**BOTH, "VAULT_HTTP_PROXY": "v:1", "NO_PROXY": "*"}, "v:1"),
        ("https://vault", {"VAULT_PROXY_ADDR": "v:1", "VAULT_HTTP_PROXY": "w:1"}, "v:1"),
    ],
)
def test_which_proxy_is_asked(address: str, environ: dict[str, str], expected: str | None) -> None:
    proxy = proxy_for(address, environ, PROXIES)
    assert (str(proxy) if proxy else None) == expected


@pytest.mark.parametrize(
    ("rules", "address", "direct"),
    [
        ("*", "https://vault.example", True),
        ("vault.example", "https://vault.example:8200", True),
        ("other, Vault.Example ", "https://vault.example", True),
        ("example", "https://vault.example", True),
        (".example", "https://vault.example", True),
        ("*.example", "https://vault.example", True),
        (".vault.example", "https://vault.example", False),
        ("ample", "https://vault.example", False),
        ("vault.example:443", "https://vault.example", True),
        ("vault.example:8200", "https://vault.example", False),
        ("10.0.0.0/8", "https://10.1.2.3:8200", True),
        ("10.0.0.0/8", "https://11.1.2.3:8200", False),
        ("10.1.2.3", "https://10.1.2.3:8200", True),
        ("fd00::/8", "https://[fd00::1]", True),
        ("fd00::1", "https://[fd00::1]:8200", True),
        ("[fd00::1]", "https://[fd00::1]:8200", True),
        ("[fd00::1]:8200", "https://[fd00::1]:8200", True),
        ("[fd00::1]:8200", "https://[fd00::1]", False),
        (f"vault.example:{'4' * 5000}", "https://vault.example", False),
        ("10.0.0.0/8", "https://[fd00::1]", False),
        ("10.0.0.0/8", "https://vault.example", False),
        (",,", "https://vault.example", False),
    ],
)
def test_what_goes_directly(rules: str, address: str, direct: bool) -> None:
    for variable in ("NO_PROXY", "no_proxy"):
        proxy = proxy_for(address, {"HTTPS_PROXY": "http://proxy:3128", variable: rules})
        assert (proxy is None) == direct


def test_a_proxys_password_shows_nowhere() -> None:
    proxy = proxy_for("https://vault", {"HTTPS_PROXY": f"http://me:{PASSWORD}@proxy"})
    assert PASSWORD not in repr(proxy) + str(proxy)
