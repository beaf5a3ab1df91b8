"""A CA made for the run, by Vault's own PKI engine."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from testbed.vault import VaultServer


@dataclass(frozen=True)
class CertificateAuthority:
    """A CA, its certificate in a file."""

    vault: VaultServer
    directory: Path

    @classmethod
    def create(cls, vault: VaultServer, directory: Path) -> Self:
        """Make the CA, which issues certificates of any name."""
        made = cls(vault, directory)
        vault.request("POST", "sys/mounts/pki", {"type": "pki"})
        kind = {"key_type": "ec", "key_bits": 256}
        fields = {"common_name": "test CA", "ttl": "24h", "not_before_duration": "3h"} | kind
        root = vault.request("POST", "pki/root/generate/internal", fields)
        made.ca_file.write_text(root["data"]["certificate"])
        role = {"allow_any_name": True, "ttl": "1h", "not_before_duration": "2h"} | kind
        vault.request("POST", "pki/roles/any", role)
        return made

    @property
    def ca_file(self) -> Path:
        return self.directory / "ca.pem"

    def issue(self, **fields: object) -> dict[str, Path]:
        """Issue a certificate; return the files of it and of its key."""
        usual: dict[str, object] = {"common_name": "vault.example", "ip_sans": "127.0.0.1"}
        issued = self.vault.request("POST", "pki/issue/any", usual | fields)["data"]
        files = {}
        for part in ("certificate", "private_key"):
            files[part] = self.directory / f"{issued['serial_number']}.{part}"
            files[part].write_text(issued[part])
        return files

    def context(self, **fields: object) -> ssl.SSLContext:
        """Return a server's context with a certificate of its own."""
        files = self.issue(**fields)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files["certificate"], files["private_key"])
        return context
