"""TLS with certificates of a CA made for the run."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.secret import Secret
from freshkey.settings.model import VaultSettings
from freshkey.vault.transport import tls
from freshkey.vault.transport.tls import Trust

from tests.vault.conftest import make_client
from tests.vault.servers import ScriptedServer, answer

if TYPE_CHECKING:
    from testbed.vault import VaultServer
    from tests.vault.authority import CertificateAuthority

HEALTHY = answer(body={"initialized": True, "sealed": False})


async def fault(server: ScriptedServer, **options: Any) -> Fault:  # noqa: ANN401 - any of [vault]
    with pytest.raises(FaultError) as caught:
        await make_client(server.address, **options).ping()
    assert caught.value.fault.kind is FaultKind.TLS
    assert not caught.value.fault.unanswered
    assert not server.requests
    return caught.value.fault


async def test_a_private_ca_as_a_file(authority: CertificateAuthority) -> None:
    with ScriptedServer(HEALTHY, authority.context()) as server:
        await make_client(server.address, ca_file=authority.ca_file).ping()
    assert len(server.requests) == 1


async def test_a_private_ca_in_a_directory(authority: CertificateAuthority, tmp_path: Path) -> None:
    with ScriptedServer(HEALTHY, authority.context()) as server:
        client = make_client(server.address, ca_dir=tmp_path)
        (tmp_path / "a.pem").write_bytes(authority.issue()["certificate"].read_bytes())
        with pytest.raises(FaultError, match="issuer is not trusted"):
            await client.ping()
        (tmp_path / "b.crt").write_bytes(authority.ca_file.read_bytes())  # of any name
        await client.ping()


async def test_a_directory_as_kubernetes_makes_it(
    authority: CertificateAuthority, tmp_path: Path
) -> None:
    (tmp_path / "..1").mkdir()
    (tmp_path / "..1" / "ca.crt").write_bytes(authority.ca_file.read_bytes())
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "ca.crt").symlink_to("..data/ca.crt")
    with ScriptedServer(HEALTHY, authority.context()) as server:
        await make_client(server.address, ca_dir=tmp_path).ping()


async def test_a_directory_that_can_not_be_used(
    authority: CertificateAuthority, tmp_path: Path
) -> None:
    with ScriptedServer(HEALTHY, authority.context()) as server:
        missing = await fault(server, ca_dir=tmp_path / "missing")
        (tmp_path / "README").write_text("certificates go here")
        unreadable = await fault(server, ca_dir=tmp_path)
        (tmp_path / "README").unlink()
        empty = await fault(server, ca_dir=tmp_path)
    assert missing.message.startswith(f"vault.ca_dir {tmp_path}/missing: No such file")
    assert unreadable.message.startswith(f"vault.ca_dir {tmp_path}/README: ")
    assert "its issuer is not trusted" in empty.message


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", None])
async def test_system_trust_is_what_openssl_takes_it_for(
    authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    if variable:
        monkeypatch.setenv(variable, str(authority.ca_file))
    with ScriptedServer(HEALTHY, authority.context()) as server:
        if variable:
            await make_client(server.address).ping()
        else:
            assert "issuer is not trusted" in (await fault(server)).message


async def test_a_ca_that_is_replaced(authority: CertificateAuthority, tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(authority.issue()["certificate"].read_text())  # no CA at all
    with ScriptedServer(HEALTHY, authority.context()) as server:
        client = make_client(server.address, ca_file=ca_file)
        for _ in range(2):
            with pytest.raises(FaultError, match="issuer is not trusted"):
                await client.ping()
        ca_file.write_bytes(authority.ca_file.read_bytes())
        await client.ping()
        ca_file.write_text("half a certif")  # somebody writes it in place
        await client.ping()
        ca_file.unlink()
        await client.ping()


async def test_files_that_did_not_change_are_read_once(authority: CertificateAuthority) -> None:
    trust = Trust(VaultSettings(address="https://vault", ca_file=authority.ca_file))
    assert trust.context is trust.context


async def test_an_unknown_issuer(authority: CertificateAuthority) -> None:
    with ScriptedServer(HEALTHY, authority.context()) as server:
        found = await fault(server)
    assert found.message == (
        f"no TLS with Vault at {server.address}: its issuer is not trusted: put the CA's "
        "certificate into vault.ca_file"
    )


async def test_an_expired_certificate(authority: CertificateAuthority) -> None:
    past = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with ScriptedServer(HEALTHY, authority.context(not_after=past)) as server:
        found = await fault(server, ca_file=authority.ca_file)
    assert "its certificate has expired" in found.message


async def test_a_certificate_for_another_name(authority: CertificateAuthority) -> None:
    with ScriptedServer(HEALTHY, authority.context(ip_sans="")) as server:
        found = await fault(server, ca_file=authority.ca_file)
        assert "its certificate is for another address" in found.message
        found = await fault(server, ca_file=authority.ca_file, tls_server_name="other.example")
        assert "its certificate is for another name" in found.message
        await make_client(
            server.address, ca_file=authority.ca_file, tls_server_name="vault.example"
        ).ping()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_certificate(
    authority: CertificateAuthority, version: ssl.TLSVersion
) -> None:
    context = authority.context()
    context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.ca_file)
    with ScriptedServer(HEALTHY, context) as server:
        found = await fault(server, ca_file=authority.ca_file)
        assert "client certificate" in found.message
        files = authority.issue(common_name="agent")
        await make_client(
            server.address,
            ca_file=authority.ca_file,
            client_cert_file=files["certificate"],
            client_key_file=files["private_key"],
        ).ping()


async def test_a_client_certificate_that_the_server_refuses(
    authority: CertificateAuthority,
) -> None:
    past = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for trusted, fields, reason in (
        (authority.ca_file, {"not_after": past}, "the client certificate has expired"),
        (authority.issue()["certificate"], {}, "does not trust the issuer of the client certif"),
    ):
        context = authority.context()
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(trusted)
        files = authority.issue(common_name="agent", **fields)
        with ScriptedServer(HEALTHY, context) as server:
            found = await fault(
                server,
                ca_file=authority.ca_file,
                client_cert_file=files["certificate"],
                client_key_file=files["private_key"],
            )
        assert reason in found.message


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


def test_a_mode_that_is_corrected_is_noticed(
    authority: CertificateAuthority, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(authority.ca_file.read_bytes())
    trust = Trust(VaultSettings(address="https://vault", ca_file=file))
    first = trust.context
    assert trust.context is first
    touched = file.stat().st_ctime_ns
    while file.stat().st_ctime_ns == touched:  # the kernel's clock has ticks
        file.chmod(0o640)
    assert trust.context is not first


async def test_a_redirect_to_https_carries_the_token(authority: CertificateAuthority) -> None:
    with ScriptedServer(HEALTHY, authority.context()) as active:
        moved = answer(307, b"", headers={"Location": f"{active.address}/v1/x"})
        with ScriptedServer(moved) as standby:
            client = make_client(
                standby.address, addresses=(active.address,), ca_file=authority.ca_file
            )
            await client.revoke_token(Secret("hvs.x"))
    assert active.requests[0].line == "POST /v1/auth/token/revoke-self HTTP/1.1"
    assert active.requests[0].headers["x-vault-token"] == "hvs.x"


def test_every_sentence_has_a_row_on_the_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / "tls.md").read_text()
    for sentence in (*tls.CERTIFICATE.values(), *tls.ALERTS.values()):
        assert f"| `{sentence}` |" in page


async def test_a_mint_over_tls_that_trickles(authority: CertificateAuthority) -> None:
    def trickle(client: Any) -> None:  # noqa: ANN401 - socket or its TLS
        client.sendall(b"HTTP/1.1 200 OK\r\n")
        while not server.wait(0.05):
            client.sendall(b"H")

    with ScriptedServer(trickle, authority.context()) as server:
        client = make_client(server.address, ca_file=authority.ca_file, timeout=0.3)
        with pytest.raises(FaultError) as caught:
            await client.mint(Secret("hvs.x"), "openai/creds/billing", "api_key", None)
    assert caught.value.fault.message.endswith("gave no answer within 0.3 s")
    assert caught.value.fault.unanswered
