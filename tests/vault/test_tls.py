"""TLS with certificates of a CA made for the run, by Vault's own PKI engine."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path
from typing import Any

import pytest
from freshkey.core.faults import Fault, FaultError, FaultKind
from freshkey.core.secret import Secret

from testbed.vault import VaultServer
from tests.vault.conftest import make_client
from tests.vault.servers import OddServer, answer

HEALTHY = answer(body={"initialized": True, "sealed": False})


@dataclass(frozen=True)
class Authority:
    """A CA, its certificate in a file."""

    vault: VaultServer
    directory: Path

    @property
    def ca_file(self) -> Path:
        return self.directory / "ca.pem"

    def issue(self, **wish: object) -> dict[str, Path]:
        """Issue a certificate; return the files of it and of its key."""
        usual: dict[str, object] = {"common_name": "vault.example", "ip_sans": "127.0.0.1"}
        issued = self.vault.request("POST", "pki/issue/any", usual | wish)["data"]
        files = {}
        for part in ("certificate", "private_key"):
            files[part] = self.directory / f"{issued['serial_number']}.{part}"
            files[part].write_text(issued[part])
        return files

    def context(self, **wish: object) -> ssl.SSLContext:
        """Return a server's context with a certificate of its own."""
        files = self.issue(**wish)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files["certificate"], files["private_key"])
        return context


@pytest.fixture(scope="module")
def authority(vault: VaultServer, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(vault, tmp_path_factory.mktemp("ca"))
    vault.request("POST", "sys/mounts/pki", {"type": "pki"})
    kind = {"key_type": "ec", "key_bits": 256}
    wish = {"common_name": "test CA", "ttl": "24h", "not_before_duration": "3h"} | kind
    root = vault.request("POST", "pki/root/generate/internal", wish)
    made.ca_file.write_text(root["data"]["certificate"])
    role = {"allow_any_name": True, "ttl": "1h", "not_before_duration": "2h"} | kind
    vault.request("POST", "pki/roles/any", role)
    return made


async def fault(server: OddServer, **options: Any) -> Fault:  # noqa: ANN401 - any of [vault]
    with pytest.raises(FaultError) as caught:
        await make_client(server.address, **options).ping()
    assert caught.value.fault.kind is FaultKind.TLS
    assert not caught.value.fault.unanswered
    assert not server.requests
    return caught.value.fault


async def test_a_private_ca_as_a_file(authority: Authority) -> None:
    with OddServer(HEALTHY, authority.context()) as server:
        await make_client(server.address, ca_file=authority.ca_file).ping()
    assert len(server.requests) == 1


async def test_a_private_ca_in_a_directory(authority: Authority, tmp_path: Path) -> None:
    with OddServer(HEALTHY, authority.context()) as server:
        assert "issuer is not trusted" in (await fault(server, ca_dir=tmp_path)).message
    # OpenSSL finds a CA by a hash of its name in canonical DER, as `openssl rehash` names files.
    name = b"\x06\x03\x55\x04\x03" + b"\x0c\x07" + b"test ca"
    name = b"\x30" + bytes([len(name)]) + name
    name = b"\x31" + bytes([len(name)]) + name
    hashed = int.from_bytes(sha1(name, usedforsecurity=False).digest()[:4], "little")
    (tmp_path / f"{hashed:08x}.0").write_bytes(authority.ca_file.read_bytes())
    with OddServer(HEALTHY, authority.context()) as server:
        await make_client(server.address, ca_dir=tmp_path).ping()


async def test_an_unknown_issuer(authority: Authority) -> None:
    with OddServer(HEALTHY, authority.context()) as server:
        found = await fault(server)
    assert found.message == (
        f"no TLS with Vault at {server.address}: its issuer is not trusted: put the CA's "
        "certificate into vault.ca_file"
    )


async def test_an_expired_certificate(authority: Authority) -> None:
    past = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with OddServer(HEALTHY, authority.context(not_after=past)) as server:
        found = await fault(server, ca_file=authority.ca_file)
    assert "its certificate has expired" in found.message


async def test_a_certificate_for_another_name(authority: Authority) -> None:
    with OddServer(HEALTHY, authority.context(ip_sans="")) as server:
        found = await fault(server, ca_file=authority.ca_file)
        assert "its certificate is for another address" in found.message
        found = await fault(server, ca_file=authority.ca_file, tls_server_name="other.example")
        assert "its certificate is for another name" in found.message
        await make_client(
            server.address, ca_file=authority.ca_file, tls_server_name="vault.example"
        ).ping()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_certificate(authority: Authority, version: ssl.TLSVersion) -> None:
    context = authority.context()
    context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.ca_file)
    with OddServer(HEALTHY, context) as server:
        found = await fault(server, ca_file=authority.ca_file)
        assert "client certificate" in found.message
        files = authority.issue(common_name="agent")
        await make_client(
            server.address,
            ca_file=authority.ca_file,
            client_cert_file=files["certificate"],
            client_key_file=files["private_key"],
        ).ping()


async def test_a_vault_without_tls(vault: VaultServer) -> None:
    with pytest.raises(FaultError) as caught:
        await make_client(vault.address.replace("http:", "https:")).ping()
    assert caught.value.fault.kind is FaultKind.TLS
    assert "does not speak TLS: is its address http" in caught.value.fault.message


@pytest.mark.parametrize("option", ["ca_file", "client_cert_file"])
@pytest.mark.parametrize("content", [None, "", "no PEM"])
async def test_a_file_that_can_not_be_used(
    tmp_path: Path, option: str, content: str | None
) -> None:
    file = tmp_path / "file.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(FaultError) as caught:
        await make_client("https://127.0.0.1:1", None, **{option: file}).ping()
    assert caught.value.fault.kind is FaultKind.TLS
    assert caught.value.fault.message.startswith(f"vault.{option} {file}")


async def test_a_mint_over_tls_that_trickles(authority: Authority) -> None:
    def trickle(client: Any) -> None:  # noqa: ANN401 - socket or its TLS
        while not server.wait(0.05):
            client.sendall(b"H")

    with OddServer(trickle, authority.context()) as server:
        client = make_client(server.address, ca_file=authority.ca_file, timeout=0.3)
        with pytest.raises(FaultError) as caught:
            await client.mint(Secret("hvs.x"), "openai/creds/billing", "api_key", None)
    assert caught.value.fault.message.endswith("gave no answer within 0.3 s")
    assert caught.value.fault.unanswered
