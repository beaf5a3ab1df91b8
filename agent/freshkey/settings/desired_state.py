"""What the configuration asks of the core: its policies, and what a journal has to match."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.keys.adoption import DesiredState
from freshkey.core.model.ledger import Federation, Origin, Source
from freshkey.core.model.policy import AgentPolicy, KeyPolicy
from freshkey.core.model.struct import replace
from freshkey.settings.file_names import path_text
from freshkey.settings.keys import OnStop

if TYPE_CHECKING:
    from freshkey.settings.keys import KeySettings
    from freshkey.settings.model import Settings


def desired_state(settings: Settings, *, keep_on_stop: bool = False) -> DesiredState:
    """Translate the configuration.

    `keep_on_stop` leaves every key as it is at the end, whatever `on_stop` says. Otherwise an
    agent that keeps no journal revokes: each start would leave a token and keys that no later one
    knows.
    """
    no_journal = not settings.state.persist
    return DesiredState(
        policy=AgentPolicy(
            keys={
                name: _policy(
                    key, revoke=not keep_on_stop and (no_journal or key.on_stop is OnStop.REVOKE)
                )
                for name, key in settings.keys.items()
            },
            max_mints_per_minute=settings.vault.max_mints_per_minute,
        ),
        origin=_origin(settings),
        sources={
            name: Source(
                path=key.path,
                field=key.field if key.subject is None else "",
                ttl=key.ttl,
                overlap=key.overlap,
                files=tuple(path_text(target.path) for target in key.files),
                federation=_federation(key),
            )
            for name, key in settings.keys.items()
        },
    )


def pausing_policy(settings: Settings) -> AgentPolicy:
    """Return what holds while a reload waits: nothing ends, and a mint may take its time."""
    policy = desired_state(settings, keep_on_stop=True).policy
    keys = {
        name: replace(key, stop_grace=max(key.stop_grace, settings.vault.timeout))
        for name, key in policy.keys.items()
    }
    return replace(policy, keys=keys)


def _origin(settings: Settings) -> Origin:
    """Say where and as whom the agent logs in: nowhere, if no Vault is configured."""
    if settings.auth is None:
        return Origin(address="", namespace=None, method="", mount="", role=None)
    return Origin(
        address=settings.vault.address,
        namespace=settings.vault.namespace,
        method=settings.auth.method,
        mount=settings.auth.mount,
        role=settings.auth.identity,
        others=settings.vault.addresses,
    )


def _federation(key: KeySettings) -> Federation | None:
    federation = key.federation
    if federation is None or key.subject is None:
        return None
    file = federation.subject_token_file
    return Federation(
        identity_provider_id=federation.identity_provider_id,
        service_account_id=federation.service_account_id,
        subject=f"{federation.subject}:{path_text(file) if file else federation.vault_oidc_role}",
        exchange_url=federation.exchange_url,
    )


def _policy(key: KeySettings, *, revoke: bool) -> KeyPolicy:
    return KeyPolicy(
        subject=key.subject,
        refresh=key.refresh,
        renew_at=key.renew_at,
        jitter=key.jitter,
        overlap=key.overlap,
        check_every=key.check_every,
        max_stale=key.max_stale,
        revoke_on_stop=revoke,
        stop_grace=key.stop_grace,
        verify=key.verify.mode,
        probe_every=key.verify.probe_every,
        activation_timeout=key.verify.activation_timeout,
    )
