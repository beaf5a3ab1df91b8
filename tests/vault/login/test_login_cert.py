"""Method cert: a real Vault with a TLS listener, and certificates of a CA made for the run."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.core.model.faults import FaultKind
from freshkey.settings.auth import CertAuth

from testbed.process import ReservedPort
from testbed.vault import VaultServer
from tests.support.documented import client, code_blocks, run_commands
from tests.vault.authority import CertificateAuthority
from tests.vault.conftest import make_client
from tests.vault.login.test_login import nothing_to_unwrap, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from freshkey.vault.client import VaultClient


MISMATCH = (
    "Vault refuses the certificate at auth/certs/login: failed to match all constraints for this "
    "login certificate: does a role there (auth.role, where set) trust the CA and allow the names "
    "of vault.client_cert_file, and is it still valid?"
)
_NUMBERS = count(1)


@dataclass(frozen=True)
class CertVault:
    """A Vault that speaks TLS too, and takes certificates for `agent.example`."""

    vault: VaultServer
    address: str
    authority: CertificateAuthority

    def client(self, directory: Path | None, **auth: Any) -> VaultClient:  # noqa: ANN401 - any option
        """Return a client whose certificate is in `directory`."""
        files = {}
        if directory is not None:
            files["client_cert_file"] = directory / "tls.crt"
            files["client_key_file"] = directory / "tls.key"
        ca_file = self.authority.ca_file
        return make_client(
            self.address, CertAuth(**{"mount": "certs", **auth}), ca_file=ca_file, **files
        )

    def owner(self, accessor: str) -> str:
        """Return the serial number of the certificate that a token was given for."""
        fields = {"accessor": accessor}
        meta = self.vault.request("POST", "auth/token/lookup-accessor", fields)["data"]["meta"]
        return str(meta["serial_number"])


@pytest.fixture(scope="module")
def cert_vault(authority: CertificateAuthority) -> Iterator[CertVault]:
    files = authority.issue()
    with closing(ReservedPort()) as port:
        address = f"127.0.0.1:{port.number}"
        listener = {
            "address": address,
            "tls_cert_file": str(files["certificate"]),
            "tls_key_file": str(files["private_key"]),
        }
        with VaultServer(settings={"listener": {"tcp": listener}}) as vault:
            vault.request("POST", "sys/auth/certs", {"type": "cert"})
            role = {
                "certificate": authority.ca_file.read_text(),
                "allowed_common_names": ["agent.example"],
                "token_policies": ["default"],
                "token_ttl": "60s",
            }
            vault.request("POST", "auth/certs/certs/agent", role)
            yield CertVault(vault, f"https://{address}", authority)


def install_cert(cert_vault: CertVault, directory: Path, name: str = "agent.example") -> None:
    """Put a certificate in the place of the last one, as Kubernetes does for cert-manager.

    https://kubernetes.io/docs/concepts/configuration/secret/: a link to a directory is replaced.
    """
    files = cert_vault.authority.issue(common_name=name, ip_sans="")
    version = directory / f"..{next(_NUMBERS)}"
    version.mkdir(parents=True)
    (version / "tls.crt").write_bytes(files["certificate"].read_bytes())
    (version / "tls.key").write_bytes(files["private_key"].read_bytes())
    link = directory / "..new"
    link.symlink_to(version.name)
    link.rename(directory / "..data")
    for file in ("tls.crt", "tls.key"):
        if not (directory / file).is_symlink():
            (directory / file).symlink_to(f"..data/{file}")


@pytest.mark.parametrize("role", [None, "agent"])
async def test_a_certificate(cert_vault: CertVault, tmp_path: Path, role: str | None) -> None:
    install_cert(cert_vault, tmp_path)
    login = await cert_vault.client(tmp_path, role=role).log_in(None, nothing_to_unwrap)
    assert login.owned
    assert (login.duration, login.renewable) == (60.0, True)


async def test_the_next_login_uses_a_certificate_that_was_replaced(
    cert_vault: CertVault, tmp_path: Path
) -> None:
    install_cert(cert_vault, tmp_path)
    client = cert_vault.client(tmp_path)
    first = await client.log_in(None, nothing_to_unwrap)
    same = await client.log_in(None, nothing_to_unwrap)
    install_cert(cert_vault, tmp_path)
    second = await client.log_in(None, nothing_to_unwrap)
    owners = [cert_vault.owner(login.accessor) for login in (first, same, second)]
    assert owners[0] == owners[1] != owners[2]
    await client.renew_token(first.token, 60.0)  # the same CA stands behind both


async def test_a_pair_that_is_replaced_one_by_one(cert_vault: CertVault, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    install_cert(cert_vault, old)
    install_cert(cert_vault, new)
    used = tmp_path / "used"
    used.mkdir()
    for file in ("tls.crt", "tls.key"):
        (used / file).write_bytes((old / file).read_bytes())
    client = cert_vault.client(used)
    first = await client.log_in(None, nothing_to_unwrap)
    (used / "tls.crt").write_bytes((new / "tls.crt").read_bytes())
    between = await client.log_in(None, nothing_to_unwrap)
    (used / "tls.key").write_bytes((new / "tls.key").read_bytes())
    last = await client.log_in(None, nothing_to_unwrap)
    owners = [cert_vault.owner(login.accessor) for login in (first, between, last)]
    assert owners[0] == owners[1] != owners[2]


async def test_no_certificate(cert_vault: CertVault) -> None:
    fault = await refusal(cert_vault.client(None))
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message == (
        "Vault refuses the certificate at auth/certs/login: client certificate must be supplied: "
        "it saw none: does something in front of Vault end TLS, or its listener ask for none?"
    )


async def test_a_certificate_for_another_name(cert_vault: CertVault, tmp_path: Path) -> None:
    install_cert(cert_vault, tmp_path, "other.example")
    fault = await refusal(cert_vault.client(tmp_path))
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message == MISMATCH


async def test_another_role(cert_vault: CertVault, tmp_path: Path) -> None:
    install_cert(cert_vault, tmp_path)
    fault = await refusal(cert_vault.client(tmp_path, role="other"))
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message == MISMATCH


async def test_another_mount(cert_vault: CertVault, tmp_path: Path) -> None:
    install_cert(cert_vault, tmp_path)
    fault = await refusal(cert_vault.client(tmp_path, mount="elsewhere"))
    assert fault.kind is FaultKind.FORBIDDEN


async def test_what_its_page_says(cert_vault: CertVault, tmp_path: Path) -> None:
    install_cert(cert_vault, tmp_path, "freshkey.example")
    for name in ("ca.pem", "clients-ca.pem"):
        (tmp_path / name).write_bytes(cert_vault.authority.ca_file.read_bytes())
    (commands,) = code_blocks("cert", "sh")
    run_commands(cert_vault.vault, commands, tmp_path)
    login = await client("cert", cert_vault.address, tmp_path).log_in(None, nothing_to_unwrap)
    assert (login.duration, login.owned) == (3600.0, True)
