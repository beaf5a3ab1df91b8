"""All that the agent asks of Vault.

Every method raises FaultError and nothing else. Sources:
https://developer.hashicorp.com/vault/api-docs/system/leases and …/auth/token
"""

from __future__ import annotations

from http import HTTPStatus
from math import ceil
from secrets import token_hex
from typing import TYPE_CHECKING, Final

from freshkey.core.model.faults import Operation
from freshkey.core.model.text import cleaned
from freshkey.vault.answers import parsing as answers
from freshkey.vault.answers.cleaning import tell_cleaned
from freshkey.vault.answers.faults import RefusedError, Request
from freshkey.vault.diagnosis import diagnosed
from freshkey.vault.identity import read_identity
from freshkey.vault.login import finish, log_in, tokens
from freshkey.vault.login.wrapping import Wrappings
from freshkey.vault.transport.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.core.model.grants import Grant, Login, Renewal, Unwrapped
    from freshkey.core.model.secret import Secret
    from freshkey.settings.auth import AuthSettings
    from freshkey.settings.model import VaultSettings
    from freshkey.vault.answers.parsing import Answer
    from freshkey.vault.identity import Identity

_PING_TIMEOUT: Final = 2.0


class VaultClient:
    """Speaks to the Vault of `[vault]` with the login of `[auth]`; all durations are seconds.

    `now` reads the lease clock; `observe` hears how long each request took. A cancelled call is cut
    off, except for `mint`, and for the step of `log_in` that unwraps: what only Vault's answer
    holds would be lost.
    """

    def __init__(
        self,
        vault: VaultSettings,
        auth: AuthSettings,
        now: Callable[[], float],
        observe: Callable[[Operation, float], None] = lambda *_: None,
    ) -> None:
        self._session = Session(vault, now, observe)
        self._wrappings = Wrappings(self._session)
        self._auth = auth
        self._mint_timeout = vault.timeout

    def give_up(self) -> None:
        """Let go of a mint that is still under way: the process is about to end."""
        self._session.give_up()

    async def log_in(
        self, unwrapped: Unwrapped | None, on_unwrapped: Callable[[Unwrapped], None]
    ) -> Login:
        """Log in with the credentials that the files hold now.

        `unwrapped` is what an earlier login took out of its wrapping; `on_unwrapped` is called
        with what this one takes out, before it is used.
        """
        return await log_in(self._session, self._auth, unwrapped, on_unwrapped, self._wrappings)

    def finish_login(self) -> None:
        """Let go of what a login has used, once its token is kept where a restart finds it."""
        finish(self._auth)

    async def look_up_token(self, token: Secret, *, owned: bool) -> Login:
        """Return the terms of a token; one with a use limit is refused."""
        return await tokens.look_up(self._session, token, owned=owned)

    async def renew_token(self, token: Secret, increment: float) -> Renewal:
        """Renew a token for `increment`; Vault may grant less."""
        request = Request(Operation.RENEW_TOKEN, "auth/token/renew-self")
        answer = await self._session.ask(
            request, lambda vault: vault.auth.token.renew_self(ceil(increment)), token=token
        )
        return answers.token_renewal(answer)

    async def revoke_token(self, token: Secret) -> None:
        """Revoke a token, and with it every lease under it."""
        await tokens.revoke(self._session, token)

    async def mint(self, token: Secret, path: str, field: str, ttl: float | None) -> Grant:
        """Read `path`, which makes Vault create a key with a lease of `ttl`, or of its default.

        A path that gives no lease, as KV's do, gives what it keeps, with an empty lease id.
        Returns even when cancelled: a read that is broken off can leave a key at OpenAI that no
        lease ends.
        """
        params = None if ttl is None else {"ttl": f"{ceil(ttl)}s"}
        request = Request(Operation.MINT, path)
        try:
            answer = await self._session.ask(
                request,
                lambda vault: vault.get(request.url, params=params),
                token=token,
                seconds=self._mint_timeout,
                abandon=False,
            )
        except RefusedError as error:
            raise await diagnosed(self._session, token, path, error, abandon=False) from None
        return _granted(answer, path, field)

    async def read(self, token: Secret, path: str, field: str) -> Grant:
        """Read a secret without a lease again: nothing is minted, so it may be broken off."""
        request = Request(Operation.REFRESH, path)
        try:
            answer = await self._session.ask(
                request, lambda vault: vault.get(request.url), token=token
            )
        except RefusedError as error:
            raise await diagnosed(self._session, token, path, error, abandon=True) from None
        return _granted(answer, path, field)

    async def read_identity(self, token: Secret, role: str) -> Identity:
        """Have Vault sign an identity token for the agent's entity."""
        return await read_identity(self._session, token, role)

    async def renew_lease(self, token: Secret, lease_id: str, increment: float) -> Renewal:
        """Renew a lease for `increment`; Vault may grant less."""
        request = Request(Operation.RENEW_LEASE, "sys/leases/renew")
        answer = await self._session.ask(
            request, lambda vault: vault.sys.renew_lease(lease_id, ceil(increment)), token=token
        )
        return answers.lease_renewal(answer)

    async def look_up_lease(self, token: Secret, lease_id: str) -> Renewal | None:
        """Return what remains of a lease, or None when Vault does not know it any more."""
        request = Request(Operation.LOOK_UP_LEASE, "sys/leases/lookup")
        try:
            answer = await self._session.ask(
                request, lambda vault: vault.sys.read_lease(lease_id), token=token
            )
        except RefusedError as error:
            refusal = error.refusal
            if refusal.status == HTTPStatus.BAD_REQUEST and refusal.errors == ("invalid lease",):
                return None
            raise
        return answers.lease_lookup(answer)

    async def revoke_lease(self, token: Secret, lease_id: str) -> str | None:
        """Hand a lease to Vault, which revokes it and repeats that until it is done.

        By path, which hvac lacks: a policy can then allow the leases of one role alone. The answer
        is empty, so Vault's audit log is joined by a correlation id of ours, which is returned.
        """
        path = f"sys/leases/revoke/{lease_id}"
        request = Request(Operation.REVOKE_LEASE, path, correlation_id=token_hex(16))
        await self._session.ask(
            request, lambda vault: vault.put(request.url, json={"sync": False}), token=token
        )
        return request.correlation_id

    async def ping(self) -> None:
        """Return when a node answers within 2 s, unsealed, that is or knows the active one."""
        request = Request(Operation.PING, "sys/health")
        await self._session.ask(request, lambda vault: vault.health(), seconds=_PING_TIMEOUT)


def _granted(answer: Answer, path: str, field: str) -> Grant:
    """Read the secret, and tell what was taken off around it."""
    grant = answers.grant(answer, path, field)
    text = answers.text_of(answer, field)
    tell_cleaned("secret.cleaned", text, cleaned(text), path=path, field=field)
    return grant
