"""Access tokens of OpenAI's, for identity tokens that Vault signs or that files hold."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, final

from freshkey.core.model.faults import FaultError, FaultKind
from freshkey.core.model.struct import replace
from freshkey.host.clock import boot_time
from freshkey.openai.exchange import Account, TokenExchange
from freshkey.vault.login.claims import read_claims, read_jwt

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from freshkey.core.model.actions import Exchange
    from freshkey.core.model.grants import Grant
    from freshkey.core.model.secret import Secret
    from freshkey.settings.keys import FederationSettings, KeySettings
    from freshkey.vault.client import VaultClient


@final
class Exchanges:
    """Performs the core's orders to exchange. `vault` gives a client, once it is imported."""

    def __init__(
        self, keys: Mapping[str, KeySettings], vault: Callable[[], Awaitable[VaultClient]]
    ) -> None:
        self._keys = keys
        self._vault = vault
        self._by_url: dict[str, TokenExchange] = {}

    async def perform(self, order: Exchange) -> Grant:
        """Get an identity token, and exchange it; raises FaultError.

        A refusal tells what the identity token claims, because only OpenAI's rules say what is
        wrong with it.
        """
        federation = self._keys[order.name].federation
        if federation is None:
            raise RuntimeError(f"keys.{order.name} has no federation")
        identity, request_id = await self._identity(order, federation)
        account = Account(
            federation.identity_provider_id,
            federation.service_account_id,
            federation.subject_token_type,
        )
        url = federation.exchange_url
        exchange = self._by_url.setdefault(url, TokenExchange(url, boot_time))
        try:
            grant = await exchange.exchange(identity, account)
        except FaultError as error:
            raise _explained(error, identity) from None
        return replace(grant, request_id=request_id)

    async def aclose(self) -> None:
        """Close the connections."""
        for exchange in self._by_url.values():
            await exchange.aclose()

    async def _identity(
        self, order: Exchange, federation: FederationSettings
    ) -> tuple[Secret, str | None]:
        if order.token is not None:
            role = federation.vault_oidc_role or ""
            identity = await (await self._vault()).read_identity(order.token, role)
            return identity.token, identity.request_id
        if federation.subject_token_file is None:
            raise RuntimeError(f"keys.{order.name} has no subject_token_file")
        option = f"keys.{order.name}.federation.subject_token_file"
        jwt, _ = read_jwt(federation.subject_token_file, option)
        return jwt, None


def _explained(error: FaultError, identity: Secret) -> FaultError:
    claims = read_claims(identity)
    if error.fault.kind is not FaultKind.FORBIDDEN or claims is None:
        return error
    message = f"{error.fault.message}; {claims.describe(time.time())}"
    return FaultError(replace(error.fault, message=message))
