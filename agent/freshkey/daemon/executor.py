"""Performs the core's orders that leave the process: each is answered by exactly one event."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, assert_never, final

import trio

from freshkey.core.model.actions import (
    Exchange,
    Issue,
    LogIn,
    LookUp,
    LookUpToken,
    Ping,
    Refresh,
    Renew,
    RenewToken,
    Revoke,
    RevokeToken,
    Test,
    TokenOrder,
    VaultKeyOrder,
)
from freshkey.core.model.events import (
    CredentialUnwrapped,
    Event,
    Exchanged,
    Failed,
    Issued,
    LoggedIn,
    LookedUp,
    Pinged,
    Refreshed,
    Renewed,
    Revoked,
    Tested,
    TokenLookedUp,
    TokenRenewed,
    TokenRevoked,
)
from freshkey.core.model.faults import FaultError
from freshkey.core.model.policy import VerifyMode
from freshkey.host.byte_code import stop_finding
from freshkey.host.clock import boot_time
from freshkey.host.imports import import_slim
from freshkey.logs.redact import add_secret
from freshkey.openai.probe import Probe

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.core.model.grants import Unwrapped
    from freshkey.daemon.counters import Counters
    from freshkey.daemon.exchanges import Exchanges
    from freshkey.settings.model import Settings
    from freshkey.vault.client import VaultClient

RemoteOrder = VaultKeyOrder | Exchange | TokenOrder | Test | Ping


@final
class RemoteExecutor:
    """Speaks to Vault and OpenAI, once `prepare` imports their libraries.

    That is done in a thread, so that readers are answered meanwhile.
    """

    def __init__(
        self, settings: Settings, send: Callable[[Event], None], counters: Counters
    ) -> None:
        self._settings = settings
        self._send = send
        self._counters = counters
        self._may_import = trio.Event()
        self._importing = trio.Lock()
        self._client: VaultClient | None = None
        self._probes: dict[str, Probe] = {}
        self._exchanges: Exchanges | None = None

    async def prepare(self, head_start: float) -> None:
        """Import the libraries; for `head_start` seconds readers have the processor alone."""
        await trio.sleep(head_start)
        self._may_import.set()
        if self._settings.uses_vault:
            await self._vault()
        for name, key in self._settings.keys.items():
            if key.verify.mode is not VerifyMode.OFF:
                await self._probe(name).prepare()
        if not gc.get_freeze_count():  # and not after a reload
            gc.freeze()  # all of it stays: to look through it again would hold up readers for 10 ms
            stop_finding()  # little is imported from now on
        gc.enable()

    async def perform(self, order: RemoteOrder) -> Event:
        """Do what is ordered. A fault is an answer too; only the unforeseen is raised."""
        answer = await self._answer(order)
        self._counters.on_answer(order, answer)
        return answer

    async def _answer(self, order: RemoteOrder) -> Event:
        try:
            match order:
                case Test():
                    await self._may_import.wait()
                    return Tested(order, await self._probe(order.name).test(order.secret))
                case Exchange():
                    await self._may_import.wait()
                    if order.token is not None:
                        add_secret(order.token)
                    grant = await self._get_exchanges().perform(order)
                    add_secret(grant.secret, order.name)
                    return Exchanged(order, grant)
                case Ping():
                    await (await self._vault()).ping()
                    return Pinged(order)
                case Issue() | Refresh() | Renew() | LookUp() | Revoke():
                    return await self._for_key(order)
                case LogIn() | RenewToken() | LookUpToken() | RevokeToken():
                    return await self._for_token(order)
                case _:
                    assert_never(order)
        except FaultError as error:
            return Failed(order, error.fault)

    def finish_login(self) -> None:
        """Let go of what a login has used: the journal has its token."""
        if self._client is not None:
            self._client.finish_login()

    def give_up(self) -> None:
        """Let go of a mint that is still under way: the process is about to end."""
        if self._client is not None:
            self._client.give_up()

    async def aclose(self) -> None:
        """Close the connections to OpenAI."""
        for probe in self._probes.values():
            await probe.aclose()
        if self._exchanges is not None:
            await self._exchanges.aclose()

    async def _for_key(self, order: VaultKeyOrder) -> Event:
        add_secret(order.token)  # again and again: only the newest secrets are remembered
        vault = await self._vault()
        match order:
            case Issue():
                key = self._settings.keys[order.name]
                grant = await vault.mint(order.token, key.path, key.field, key.ttl)
                add_secret(grant.secret, order.name)
                return Issued(order, grant)
            case Refresh():
                key = self._settings.keys[order.name]
                grant = await vault.read(order.token, key.path, key.field)
                add_secret(grant.secret, order.name)
                return Refreshed(order, grant)
            case Renew():
                renewal = await vault.renew_lease(order.token, order.lease_id, order.increment)
                return Renewed(order, renewal)
            case LookUp():
                return LookedUp(order, await vault.look_up_lease(order.token, order.lease_id))
            case Revoke():
                return Revoked(order, await vault.revoke_lease(order.token, order.lease_id))
            case _:
                assert_never(order)

    async def _for_token(self, order: TokenOrder) -> Event:
        vault = await self._vault()
        match order:
            case LogIn():
                if order.unwrapped is not None:
                    add_secret(order.unwrapped.secret_id)
                login = await vault.log_in(order.unwrapped, self._on_unwrapped)
                add_secret(login.token)
                return LoggedIn(order, login)
            case RenewToken():
                renewal = await vault.renew_token(order.token, order.increment)
                return TokenRenewed(order, renewal)
            case LookUpToken():
                terms = await vault.look_up_token(order.token, owned=order.owned)
                return TokenLookedUp(order, terms)
            case RevokeToken():
                await vault.revoke_token(order.token)
                return TokenRevoked(order)
            case _:
                assert_never(order)

    def _on_unwrapped(self, unwrapped: Unwrapped) -> None:
        add_secret(unwrapped.secret_id)
        self._send(CredentialUnwrapped(unwrapped))

    async def _vault(self) -> VaultClient:
        await self._may_import.wait()
        async with self._importing:
            if self._client is None:
                # Not waited for at the end: an order that was cancelled must not go on to Vault.
                make = await trio.to_thread.run_sync(_import_vault, abandon_on_cancel=True)
                if (auth := self._settings.auth) is None:
                    raise RuntimeError("nothing of this configuration needs Vault")
                observe = self._counters.on_vault_request
                self._client = make(self._settings.vault, auth, boot_time, observe)
        return self._client

    def _get_exchanges(self) -> Exchanges:
        if self._exchanges is None:
            from freshkey.daemon.exchanges import Exchanges  # noqa: PLC0415 - 6 ms, for keys by federation alone

            self._exchanges = Exchanges(self._settings.keys, self._vault)
        return self._exchanges

    def _probe(self, name: str) -> Probe:
        base_url = self._settings.keys[name].verify.base_url
        return self._probes.setdefault(base_url, Probe(base_url))


def _import_vault() -> type[VaultClient]:
    import_slim("hvac")
    from freshkey.vault import client  # noqa: PLC0415 - 16 ms with hvac: in a thread, after the start
    from freshkey.vault.transport import adapter  # noqa: PLC0415 - 16 ms with hvac: in a thread, after the start

    del adapter  # hvac, which the first call would import
    return client.VaultClient
