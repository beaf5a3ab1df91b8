"""Rules between the options of [auth]."""

from collections.abc import Iterator
from typing import Final

from freshkey.settings.auth import AppRoleAuth, AuthSettings, TokenAuth
from freshkey.settings.faults import Finding

_METHOD: Final = ("auth", "method")


def broken_auth_rules(auth: AuthSettings) -> Iterator[Finding]:
    """List every rule between the options of a method that these settings break."""
    match auth:
        case TokenAuth():
            yield from _token(auth)
        case AppRoleAuth():
            yield from _approle(auth)
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
            "stands beside role_id_file: remove one of them",
            (_METHOD,),
        )
    if not auth.role_id and not auth.role_id_file:
        yield Finding(
            ("auth", "role_id_file"),
            "is missing: name the role-id's file, or set role_id",
            (_METHOD, ("auth", "role_id")),
        )
