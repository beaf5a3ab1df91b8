"""TLS towards Vault: the trust that was configured, and its failures in plain words."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import structlog

from freshkey.core.model.faults import Fault, FaultError, FaultKind

if TYPE_CHECKING:
    from freshkey.settings.model import VaultSettings

log = structlog.get_logger()

FileState: TypeAlias = tuple[int, ...] | None
Stamp: TypeAlias = tuple[FileState, ...]

# X509_V_ERR_* of https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/
CERTIFICATE: Final = {
    9: "its certificate is not valid yet: compare the clocks",
    10: "its certificate has expired: renew it",
    18: "its certificate is signed by itself: put it into vault.ca_file",
    19: "its issuer is not trusted: put the CA's certificate into vault.ca_file",
    20: "its issuer is not trusted: put the CA's certificate into vault.ca_file",
    21: "its issuer is not trusted: put the CA's certificate into vault.ca_file",
    62: "its certificate is for another name: correct vault.address, or set vault.tls_server_name",
    64: "its certificate is for another address: set vault.tls_server_name to a name in it",
}
# The alerts of https://www.rfc-editor.org/rfc/rfc8446#section-6.2 that are about our certificate.
ALERTS: Final = {
    "CERTIFICATE_EXPIRED": "the client certificate has expired: renew vault.client_cert_file",
    "UNKNOWN_CA": "it does not trust the issuer of the client certificate, vault.client_cert_file",
    "BAD_CERTIFICATE": "it refuses the client certificate, vault.client_cert_file",
    "CERTIFICATE_REVOKED": "the client certificate, vault.client_cert_file, was revoked",
}


class Trust:
    """Makes the SSL context of `[vault]`, and anew when a file of it has changed.

    Without a CA of its own it trusts what the system does, or SSL_CERT_FILE and SSL_CERT_DIR name.
    Used by many threads: at worst two of them make the same context.
    """

    def __init__(self, settings: VaultSettings) -> None:
        self._settings = settings
        self.server_name = settings.tls_server_name
        self._made: tuple[Stamp, ssl.SSLContext] | None = None

    @property
    def context(self) -> ssl.SSLContext:
        """The context; raises FaultError naming the option whose file can't be used.

        Files that can't be used any more, as while they are replaced one by one, are told of, and
        what was read before goes on.
        """
        stamp = self._stamp()  # before the files are read: a later change is another stamp
        before = self._made
        if before is not None and before[0] == stamp:
            return before[1]
        try:
            context = self._load()
        except FaultError as error:
            if before is None:
                raise
            log.warning("vault.tls_files_unusable", message=error.fault.message)
            context = before[1]
        else:
            if before is not None:
                log.info("vault.tls_files_reloaded")
        self._made = stamp, context
        return context

    def _stamp(self) -> Stamp:
        """Tell the files' state apart from any other: names are followed, as cert-manager's are."""
        settings = self._settings
        files = [settings.ca_file, settings.ca_dir]
        if not any(files):
            system = ssl.get_default_verify_paths()
            files = [Path(file) for file in (system.cafile, system.capath) if file]
        elif settings.ca_dir:
            files += _files_in(settings.ca_dir)
        files += [settings.client_cert_file, settings.client_key_file]
        return tuple(_state(file) for file in files if file)

    def _load(self) -> ssl.SSLContext:
        settings = self._settings
        own_trust = settings.ca_file or settings.ca_dir
        context = (
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if own_trust else ssl.create_default_context()
        )
        option = f"ca_file {settings.ca_file}"
        try:
            if settings.ca_file:
                context.load_verify_locations(cafile=settings.ca_file)
            if settings.ca_dir:
                option = f"ca_dir {settings.ca_dir}"
                for file in _files_in(settings.ca_dir):
                    option = f"ca_dir {file}"
                    context.load_verify_locations(cafile=file)
            option = f"client_cert_file {settings.client_cert_file} with client_key_file"
            if settings.client_cert_file:
                key = settings.client_key_file
                # Without a password OpenSSL would ask for one on the terminal.
                context.load_cert_chain(settings.client_cert_file, key, password="")
        except OSError as error:
            reason = getattr(error, "reason", None) or error.strerror or "not usable"
            message = f"vault.{option}: {reason}; it has to be PEM that the agent may read"
            raise FaultError(Fault(FaultKind.TLS, message)) from None
        return context


def _files_in(directory: Path) -> list[Path]:
    """List the files of a directory, whatever their names, as Vault's own tools take it.

    OpenSSL would look for names made of hashes. What begins with a dot is no certificate: so are
    the links by which Kubernetes replaces all files at once.
    """
    try:
        files = sorted(directory.iterdir())
    except OSError:
        return [directory]  # it can't be read as a file either, which tells why
    return [file for file in files if not file.name.startswith(".") and file.is_file()]


def _state(file: Path) -> FileState:
    try:
        status = file.stat()
    except OSError:
        return None
    # Its owner and mode count too, which the last of these tells of.
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size, status.st_ctime_ns


def describe(error: ssl.SSLError) -> str:
    """Say in plain words why a handshake failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return CERTIFICATE.get(error.verify_code, error.verify_message)
    reason = error.reason or "the handshake broke off"
    if reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"}:
        return "it does not speak TLS: is its address http instead of https?"
    for alert, meaning in ALERTS.items():
        if reason.endswith(f"ALERT_{alert}"):
            return meaning
    if "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
        return f"it may want a client certificate: set vault.client_cert_file ({reason})"
    return reason.lower().replace("_", " ")
