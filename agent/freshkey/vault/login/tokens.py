"""What is asked with a token about the token itself.

Source: https://developer.hashicorp.com/vault/api-docs/auth/token
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from freshkey.core.model.faults import FaultError, Operation
from freshkey.core.model.text import cleaned
from freshkey.vault.answers import parsing as answers
from freshkey.vault.answers.cleaning import tell_cleaned
from freshkey.vault.answers.faults import Request

if TYPE_CHECKING:
    from freshkey.core.model.grants import Login
    from freshkey.core.model.secret import Secret
    from freshkey.vault.answers.parsing import Answer
    from freshkey.vault.transport.session import Session


async def look_up(session: Session, token: Secret, *, owned: bool) -> Login:
    """Return the terms of a token; raises FaultError, for one with a use limit too."""
    request = Request(Operation.LOOK_UP_TOKEN, "auth/token/lookup-self")
    answer = await session.ask(request, lambda vault: vault.auth.token.lookup_self(), token=token)
    answers.refuse_use_limit(answer, "data")
    return answers.known_token(answer, token, owned=owned)


async def term(session: Session, login: Login) -> float | None:
    """Return for how long a token is good after a renewal, in seconds; None: it has no end."""
    if login.owned or not login.renewable:
        return login.duration
    request = Request(Operation.LOOK_UP_TOKEN, "auth/token/lookup-self")
    answer = await session.ask(
        request, lambda vault: vault.auth.token.lookup_self(), token=login.token
    )
    return answers.token_term(answer)


async def revoke(session: Session, token: Secret) -> None:
    """Revoke a token, and with it every lease under it; raises FaultError."""
    request = Request(Operation.REVOKE_TOKEN, "auth/token/revoke-self")
    await session.ask(request, lambda vault: vault.auth.token.revoke_self(), token=token)


async def accept(session: Session, answer: Answer) -> Login:
    """Return the token of a login; one with a use limit is revoked, and raises FaultError."""
    login = answers.new_token(answer)
    text = answers.token_text(answer)
    tell_cleaned("credential.cleaned", text, cleaned(text), option="token of the login")
    try:
        answers.refuse_use_limit(answer, "auth")
    except FaultError:
        with suppress(FaultError):  # it ends by itself
            await revoke(session, login.token)
        raise
    return login
