"""Method kubernetes: the token of the pod's service account, which Vault has reviewed.

The kubelet replaces a projected token at four fifths of its life, so it is read at each login.
Source: https://developer.hashicorp.com/vault/api-docs/auth/kubernetes#login
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from freshkey.core.model.faults import Fault, FaultError, FaultKind, Operation
from freshkey.core.model.text import one_line
from freshkey.vault.answers.faults import RefusedError, Request
from freshkey.vault.login import tokens
from freshkey.vault.login.advice import Advice, explain
from freshkey.vault.login.claims import Claims, read_jwt

if TYPE_CHECKING:
    from freshkey.core.model.grants import Login
    from freshkey.core.model.secret import Secret
    from freshkey.settings.auth import KubernetesAuth
    from freshkey.vault.transport.session import Session

ADVICE: Final = (
    Advice("invalid role name", "name one of the mount's roles in auth.role", FaultKind.NOT_FOUND),
    Advice("could not load backend configuration", "write the mount's config: it has none"),
    Advice(
        "service account name not authorized",
        "name the pod's service account in the role's bound_service_account_names",
        FaultKind.FORBIDDEN,
    ),
    Advice(
        "namespace not authorized",
        "name the pod's namespace in the role's bound_service_account_namespaces",
        FaultKind.FORBIDDEN,
    ),
    Advice(
        "invalid audience",
        "give the projected token the role's audience, or the role the token's",
        FaultKind.FORBIDDEN,
    ),
    Advice("error(s) decoding", "auth.token_file must hold a service account's token"),
    Advice("token is expired", "the kubelet has to renew auth.token_file", FaultKind.FORBIDDEN),
    Advice("invalid issuer", "set disable_iss_validation in the mount's config"),
    # One answer to many a cause; only Vault's own log has the cause.
    Advice(
        "permission denied",
        "no such method is mounted there, the role's token_bound_cidrs exclude this host, or the "
        "API server did not confirm the token (Vault's log at level debug says why, at \"login "
        'unauthorized"): does Vault reach it, may the reviewer, or without one the pod itself, '
        "create TokenReviews (ClusterRole system:auth-delegator), and does the service account "
        "still exist?",
        FaultKind.FORBIDDEN,
    ),
)
"""By the words of vault-plugin-auth-kubernetes 0.23, the more telling first."""


async def log_in(session: Session, auth: KubernetesAuth) -> Login:
    """Log in with the token that the file holds now; raises FaultError."""
    jwt, claims = _projected_token(auth)
    request = Request(Operation.LOG_IN, f"auth/{auth.mount}/login")
    try:
        answer = await session.ask(
            request,
            lambda vault: vault.auth.kubernetes.login(
                auth.role, jwt.reveal(), use_token=False, mount_point=auth.mount
            ),
        )
    except RefusedError as error:
        raise explain(error, request, ADVICE, claims.describe(time.time())) from None
    return await tokens.accept(session, answer)


def _projected_token(auth: KubernetesAuth) -> tuple[Secret, Claims]:
    try:
        return read_jwt(auth.token_file, "token_file")
    except FaultError as error:
        if not isinstance(error.__context__, FileNotFoundError):
            raise
        message = (
            f"auth.token_file {one_line(str(auth.token_file))} does not exist: is this a pod, and "
            "automountServiceAccountToken on or a projected serviceAccountToken mounted there?"
        )
        raise FaultError(Fault(FaultKind.BAD_REQUEST, message)) from None
