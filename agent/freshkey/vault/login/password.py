"""What the methods userpass and ldap have in common: a user, and a password in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.model.faults import FaultError, FaultKind, Operation
from freshkey.core.model.struct import replace
from freshkey.core.model.text import cleaned
from freshkey.vault.answers.faults import RefusedError, Request
from freshkey.vault.answers.quoting import quote
from freshkey.vault.login import tokens
from freshkey.vault.login.credentials import read_password

if TYPE_CHECKING:
    from freshkey.core.model.grants import Login
    from freshkey.settings.auth import LdapAuth, UserpassAuth
    from freshkey.vault.transport.session import Session


async def log_in(session: Session, auth: UserpassAuth | LdapAuth) -> Login:
    """Log in with the password that the file holds now; raises FaultError."""
    password = read_password(auth.password_file, "password_file")
    # Without hvac's call, which puts a user's name into the path as it is.
    request = Request(Operation.LOG_IN, f"auth/{auth.mount}/login/{auth.username}")
    try:
        answer = await session.ask(
            request, lambda vault: vault.post(request.url, json={"password": password.reveal()})
        )
    except RefusedError as error:
        raise _explained(error, auth, cleaned(password.reveal()).taken_off) from None
    return await tokens.accept(session, answer)


def _explained(error: RefusedError, auth: UserpassAuth | LdapAuth, around: str) -> FaultError:
    """Say what a user can do about it; `around` tells of white space that belongs to the password.

    Vault locks a user out after some wrong passwords, and then says that the permission is denied:
    https://developer.hashicorp.com/vault/docs/concepts/user-lockout
    """
    fault = error.fault
    match fault.kind:
        case FaultKind.FORBIDDEN:
            hint = f", or is user {auth.username} locked out after wrong passwords?"
            return FaultError(replace(fault, message=fault.message.removesuffix("?") + hint))
        case FaultKind.BAD_REQUEST:
            message = (
                f"Vault refuses auth/{auth.mount}/login for user {auth.username}: "
                f"{quote(error.refusal.errors or ()) or 'no reason given'}: are auth.username and "
                "the content of auth.password_file those that Vault knows?"
            )
            if around:
                message += f" The password was sent with {around} it"
            return FaultError(replace(fault, message=message))
        case _:
            return error
