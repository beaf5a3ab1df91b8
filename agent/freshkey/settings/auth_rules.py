"""Rules between the options of [auth]."""

from collections.abc import Iterator
from typing import Final

from freshkey.settings.auth import AppRoleAuth, AuthSettings, CertAuth, TokenAuth
from freshkey.settings.faults import Finding, Place
from freshkey.settings.model import VaultSettings

_METHOD: Final = ("auth", "method")


def broken_auth_rules(auth: AuthSettings, vault: VaultSettings) -> Iterator[Finding]:
    """List every rule for a login method that these settings break."""
    match auth:
        case TokenAuth():
            yield from _token(auth)
        case AppRoleAuth():
            yield from _approle(auth)
        case CertAuth():
            yield from _cert(vault)
        case _:
            pass  # every option of the others stands for itself


def _token(auth: TokenAuth) -> Iterator[Finding]:
    if not auth.token_file and not auth.token:
        yield Finding(
            ("auth", "token_file"),
            "is missing: name the token's file, or set the variable VAULT_TOKEN",
            (_METHOD, ("auth", "token")),
        )


def _approle(auth: AppRoleAuth) -> Iterator[Finding]:
    if auth.role_id and auth.role_id_file:
        yield Finding(
            ("auth", "role_id"),
            "is set together with role_id_file: remove one of them",
            (_METHOD,),
        )
    if not auth.role_id and not auth.role_id_file:
        yield Finding(
            ("auth", "role_id_file"),
            "is missing: name the role-id's file, or set role_id",
            (_METHOD, ("auth", "role_id")),
        )


def _cert(vault: VaultSettings) -> Iterator[Finding]:
    certificate, key = ("vault", "client_cert_file"), ("vault", "client_key_file")
    if not vault.client_cert_file and not vault.client_key_file:  # which is a fault by itself
        yield Finding(certificate, 'is missing: method "cert" logs in with it', (_METHOD, key))
    places: list[Place] = [("vault", "addresses", index) for index in range(len(vault.addresses))]
    addresses = dict(zip(places, vault.addresses, strict=True))
    if vault.address not in vault.addresses:
        addresses["vault", "address"] = vault.address
    for place, address in addresses.items():
        if address.startswith("http:"):
            message = 'is plain http, which shows no certificate: method "cert" needs https'
            yield Finding(place, message, (_METHOD,))
