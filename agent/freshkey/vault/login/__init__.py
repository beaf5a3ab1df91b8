"""Login methods. Each method is a module with `log_in(session, auth, …) -> Login`.

Every method reads its credentials again, raises FaultError and nothing else, and keeps nothing. The
log knows what was read, so as to mask it, until `finish`.

May import: core.model, host, logs.redact, settings, vault.answers, vault.transport.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from freshkey.logs.redact import clear_temporary
from freshkey.settings.auth import (
    AppRoleAuth,
    AwsAuth,
    AzureAuth,
    CertAuth,
    GcpAuth,
    JwtAuth,
    KubernetesAuth,
    LdapAuth,
    TokenAuth,
    UserpassAuth,
)
from freshkey.vault.login import approle, token
from freshkey.vault.login.credentials import remove_credential

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.core.model.grants import Login, Unwrapped
    from freshkey.settings.auth import AuthSettings
    from freshkey.vault.login.wrapping import Wrappings
    from freshkey.vault.transport.session import Session


async def log_in(
    session: Session,
    auth: AuthSettings,
    unwrapped: Unwrapped | None,
    on_unwrapped: Callable[[Unwrapped], None],
    wrappings: Wrappings,
) -> Login:
    """Log in by the configured method; see `VaultClient.log_in`."""
    match auth:
        case TokenAuth():
            return await token.log_in(session, auth)
        case AppRoleAuth():
            return await approle.log_in(session, auth, unwrapped, on_unwrapped, wrappings)
        case JwtAuth():
            from freshkey.vault.login import jwt  # noqa: PLC0415 - for those who use it

            return await jwt.log_in(session, auth)
        case KubernetesAuth():
            from freshkey.vault.login import kubernetes  # noqa: PLC0415 - for those who use it

            return await kubernetes.log_in(session, auth)
        case CertAuth():
            from freshkey.vault.login import cert  # noqa: PLC0415 - for those who use it

            return await cert.log_in(session, auth)
        case UserpassAuth() | LdapAuth():
            from freshkey.vault.login import password  # noqa: PLC0415 - for those who use it

            return await password.log_in(session, auth)
        case AwsAuth():
            from freshkey.vault.login import aws  # noqa: PLC0415 - for those who use it

            return await aws.log_in(session, auth)
        case GcpAuth():
            from freshkey.vault.login import gcp  # noqa: PLC0415 - for those who use it

            return await gcp.log_in(session, auth)
        case AzureAuth():
            from freshkey.vault.login import azure  # noqa: PLC0415 - for those who use it

            return await azure.log_in(session, auth)
        case _:
            assert_never(auth)


def finish(auth: AuthSettings) -> None:
    """Forget what a login has read, and remove its file where that is asked for."""
    clear_temporary()
    for file in auth.files:
        if file.is_removed:
            remove_credential(file.path)
