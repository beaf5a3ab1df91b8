"""The real nginx, with the configuration of docs/gateway.md; and OpenAI behind TLS."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.agent.harness import eventually
from tests.gateway.page import block, here

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

NGINX: Final = shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
OPENAI: Final = "api.openai.com"
# OpenAI's side: /v1/echo answers what came, /v1/held is the test's, all else the emulator's.
_EDGE: Final = """
events {{}}
http {{
    upstream emulator {{ server 127.0.0.1:{emulator}; keepalive 16; }}
    map $http_upgrade $connection_header {{ default ""; websocket upgrade; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        if ($ssl_server_name != "{name}") {{ return 421; }}
        location / {{
            proxy_pass http://emulator;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
        location /v1/held {{
            proxy_pass http://127.0.0.1:{held};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_header;
            proxy_buffering off;
        }}
        location /v1/echo {{
            add_header Set-Cookie account=1;
            return 200 "$host|$http_authorization|$http_cookie|$http_api_key|$http_x_api_key|\
$http_proxy_authorization|$http_sec_websocket_protocol";
        }}
    }}
}}
"""


def unused_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def make_certificate(directory: Path) -> tuple[Path, Path]:
    """Make a certificate for OpenAI's name, which vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, OPENAI)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(OPENAI)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = directory / "openai.crt", directory / "openai.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


class Nginx:
    """nginx in the foreground, in a directory of its own, for as long as it is entered."""

    def __init__(self, directory: Path, text: str, ports: Iterable[int]) -> None:
        directory.mkdir()
        self.config = directory / "nginx.conf"
        self.log = directory / "error.log"
        self._ports = tuple(ports)
        self._directory = directory
        places = "".join(
            f"{kind}_temp_path {directory / kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        text = text.replace("http {", f"http {{\naccess_log off;\n{places}", 1)
        user = "user root;\n" if os.geteuid() == 0 else ""  # workers reach the test's directory
        self.config.write_text(
            f"{user}daemon off;\npid {directory / 'pid'};\nerror_log {self.log} notice;\n{text}"
        )

    def command(self, *more: str) -> list[str]:
        """Return what runs it, or tells the one that runs."""
        at = ["-e", str(self.log), "-p", str(self._directory), "-c", str(self.config)]
        return [NGINX or "nginx", *at, *more]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self.command())

        def listens() -> bool:
            assert self._process.poll() is None, self.log.read_text()
            return all(_connects(port) for port in self._ports)

        try:
            eventually(listens, "nginx listens")
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        assert self._process.wait(timeout=20) == 0, self.log.read_text()


def make_edge(directory: Path, port: int, emulator: int, held: int) -> tuple[Nginx, Path]:
    """Make OpenAI's side; return it, and the certificate that it is known by."""
    certificate, key = make_certificate(directory)
    text = _EDGE.format(
        port=port, emulator=emulator, held=held, certificate=certificate, key=key, name=OPENAI
    )
    return Nginx(directory / "edge", text, [port]), certificate


def make_documented(directory: Path, port: int, edge: int, certificate: Path, keys: Path) -> Nginx:
    """Make the nginx of the page; its socket is `nginx.sock` in the directory."""
    places = {
        f"{OPENAI}:443": f"127.0.0.1:{edge}",
        "127.0.0.1:8318": f"127.0.0.1:{port}",
        "/etc/ssl/certs/ca-certificates.crt": str(certificate),
        "/run/freshkey/keys": str(keys),
        "/run/openai": str(directory),
    }
    return Nginx(directory / "documented", here(block("nginx-conf"), places), [port])


def _connects(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
