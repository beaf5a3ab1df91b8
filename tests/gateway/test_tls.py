"""TLS to OpenAI, with the system's trust, directly and through a proxy."""

from __future__ import annotations

import socket
import threading
from base64 import b64encode
from contextlib import contextmanager
from typing import TYPE_CHECKING

import h11
from freshkey.gateway.upstream import Upstream

from tests.gateway.fakes import KEY
from tests.gateway.site import Site, site
from tests.gateway.wire import request

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    import pytest

    from tests.vault.authority import CertificateAuthority

NAME = "api.openai.example"
EVENTS = 2000
ANSWER = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(
    b"%x\r\ndata: %b\n\n\r\n" % (len(b"data: \n\n") + 700, b"%0700d" % number)
    for number in range(EVENTS)
)


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve connections in threads, as the other side of the world would."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def openai(context: ssl.SSLContext) -> Callable[[socket.socket], None]:
    """Answer one request on a connection, in one big write: TLS then holds more than the kernel."""

    def serve(connection: socket.socket) -> None:
        connection.settimeout(20)
        try:
            with connection, context.wrap_socket(connection, server_side=True) as tls:
                text = b""
                while b"\r\n\r\n" not in text:
                    text += tls.recv(65536)
                assert f"Bearer {KEY}".encode() in text
                tls.sendall(ANSWER + b"0\r\n\r\n")
                tls.recv(1)
        except OSError:  # the gateway does not trust, or hangs up
            pass

    return serve


def proxy(port: int, seen: list[bytes]) -> Callable[[socket.socket], None]:
    """Connect every CONNECT with this port."""

    def pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def serve(connection: socket.socket) -> None:
        text = b""
        while b"\r\n\r\n" not in text:
            text += connection.recv(65536)
        seen.append(text)
        with connection, socket.create_connection(("127.0.0.1", port)) as target:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            other = threading.Thread(target=pump, args=(target, connection), daemon=True)
            other.start()
            pump(connection, target)
            other.join(20)

    return serve


def use(gateway: Site, url: str) -> None:
    configuration = gateway.gateway.configuration
    gateway.gateway.configuration = configuration._replace(upstream=Upstream(url))


async def ask(gateway: Site) -> bytes:
    answer = await gateway.exchange(request(b"{}"))
    gateway.gateway.configuration.upstream.close()
    return answer


def check_all(answer: bytes) -> None:
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer[:300]
    assert answer.endswith(b"0\r\n\r\n")
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(answer)
    body = b""
    while not isinstance(event := client.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Data):
            body += bytes(event.data)
    assert body == b"".join(b"data: %0700d\n\n" % number for number in range(EVENTS))


async def test_a_certificate_that_the_system_trusts(
    authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    with listening(openai(authority.context())) as port:
        async with site() as gateway:
            use(gateway, f"https://127.0.0.1:{port}/v1")
            check_all(await ask(gateway))


async def test_a_certificate_of_somebody_else(authority: CertificateAuthority) -> None:
    with listening(openai(authority.context())) as port:
        async with site() as gateway:
            use(gateway, f"https://127.0.0.1:{port}/v1")
            answer = await ask(gateway)
    assert answer.startswith(b"HTTP/1.1 502")
    assert b"no TLS with 127.0.0.1" in answer


async def test_a_certificate_for_another_name(
    authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    context = authority.context(common_name="other.example", ip_sans="")
    with listening(openai(context)) as port:
        async with site() as gateway:
            use(gateway, f"https://127.0.0.1:{port}/v1")
            answer = await ask(gateway)
    assert answer.startswith(b"HTTP/1.1 502")


async def test_through_a_proxy(
    authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    context = authority.context(common_name=NAME, alt_names=NAME)
    with listening(openai(context)) as port, listening(proxy(port, seen)) as proxy_port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:p%40ss-word@127.0.0.1:{proxy_port}")
        async with site() as gateway:
            use(gateway, f"https://{NAME}/v1")
            check_all(await ask(gateway))
    assert seen[0].startswith(f"CONNECT {NAME}:443 HTTP/1.1\r\n".encode())
    assert b64encode(b"me:p@ss-word") in seen[0]


async def test_a_proxy_that_can_not_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://user:canary@proxy:1080")
    async with site() as gateway:
        use(gateway, f"https://{NAME}/v1")
        answer = await ask(gateway)
    assert answer.startswith(b"HTTP/1.1 502")
    assert b"canary" not in answer
