"""Whether the agent would get in, and what it may do there; leaves no token, spends no credential.

Whether a secret-id works only once can't be seen without a right that agents do not have, so the
configuration has to tell: one that is wrapped, or that is removed after its use, is not used. Any
other is not used either while the token of the agent's journal lives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from freshkey.core.model.faults import FaultError
from freshkey.core.model.grants import TokenKind
from freshkey.host.clock import boot_time
from freshkey.logs.redact import add_secret
from freshkey.preflight.online.agent_journal import agent_journal, lease_terms
from freshkey.preflight.online.engines import engine_results
from freshkey.preflight.online.identities import vault_identities
from freshkey.preflight.online.lifetimes import lifetime_results, token_terms
from freshkey.preflight.online.report import Outcome, Result, failure, fine, warning
from freshkey.preflight.online.rights import right_results
from freshkey.preflight.online.single_use import is_spent_once, once_results, was_removed
from freshkey.settings.auth import AppRoleAuth
from freshkey.settings.values import as_duration
from freshkey.vault.login import log_in, tokens
from freshkey.vault.login.wrapping import Wrappings
from freshkey.vault.transport.session import Session

if TYPE_CHECKING:
    from freshkey.core.model.grants import Login, Unwrapped
    from freshkey.core.model.ledger import Ledger
    from freshkey.settings.auth import AuthSettings
    from freshkey.settings.model import Settings


async def login_results(
    settings: Settings, auth: AuthSettings, *, exchanging: bool = False
) -> list[Result]:
    """Log in, look at what the token is good for, and revoke it; see `identity_results`."""
    session, ledger = Session(settings.vault, boot_time), agent_journal(settings)
    login = await _agent_token(session, ledger) if isinstance(auth, AppRoleAuth) else None
    if isinstance(auth, AppRoleAuth) and (login is not None or is_spent_once(auth)):
        results = await once_results(session, auth, ledger)
        if login is None:
            message = (
                "not tried, because a login would spend the credential; the rights are not known"
            )
            return [*results, warning("auth", message)]
        message = "no login was made: the token of the agent's journal is asked instead"
        results.append(fine("auth", message))
    else:
        try:
            login = await _log_in(session, auth)
            results = [fine("auth", f"logged in: {token_terms(login)}{_spent(auth)}")]
        except FaultError as error:
            used = was_removed(auth)
            if not used or (login := await _agent_token(session, ledger)) is None:
                return [failure("auth", error.fault.message)]
            results = [fine("auth", "the credential was used and removed; the journal has a token")]
    try:
        paths, static = await engine_results(session, settings, login.token)
        results += paths
        results += await right_results(session, settings, login.token, static)
        failed = {result.place for result in results if result.outcome is Outcome.FAILURE}
        found = await vault_identities(session, settings, login.token, exchanging=exchanging)
        results += [result for result in found if result.place not in failed]
        leases = lease_terms(settings, ledger, static or frozenset())
        results += lifetime_results(settings, leases, await _term(session, login))
    finally:
        with trio.CancelScope(shield=True):
            results += await _revoke(session, login)
    return results


def _spent(auth: AuthSettings) -> str:
    return "; one use of the secret-id was spent" if isinstance(auth, AppRoleAuth) else ""


async def _log_in(session: Session, auth: AuthSettings) -> Login:
    with trio.CancelScope(shield=True):  # a token that came would be left behind
        login = await log_in(session, auth, None, _unwrapped, Wrappings(session))
    add_secret(login.token)
    return login


async def _agent_token(session: Session, ledger: Ledger | None) -> Login | None:
    """Look up the token that an agent on the same state directory uses, or left there."""
    if ledger is None or ledger.token is None:
        return None
    try:
        return await tokens.look_up(session, ledger.token.secret, owned=False)
    except FaultError:
        return None


async def _term(session: Session, login: Login) -> float | None:
    try:
        return await tokens.term(session, login)
    except FaultError:  # told with the rights
        return login.duration


async def _revoke(session: Session, login: Login) -> list[Result]:
    if not login.owned:
        return []
    ends = "ends by itself" if login.duration is None else f"ends in {as_duration(login.duration)}"
    if login.kind is TokenKind.BATCH:
        return [fine("auth", f"the batch token of this check can't be revoked, and {ends}")]
    try:
        await tokens.revoke(session, login.token)
    except FaultError as error:
        message = f"the token of this check could not be revoked, and {ends}: {error.fault.message}"
        return [failure("auth", message)]
    return []


def _unwrapped(_: Unwrapped) -> None:
    raise AssertionError("a wrapped credential is not used here")
