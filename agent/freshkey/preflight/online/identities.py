"""Who vouches for this workload, and what the identity tokens claim that OpenAI would be shown."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from freshkey.core.model.faults import FaultError
from freshkey.core.model.policy import Subject
from freshkey.core.pacing.timing import MARGIN
from freshkey.host.clock import boot_time
from freshkey.logs.redact import add_secret
from freshkey.openai.exchange import Account, TokenExchange
from freshkey.preflight.online.report import Result, failure, fine, warning
from freshkey.settings.urls import is_loopback
from freshkey.settings.values import as_duration
from freshkey.vault.identity import read_identity
from freshkey.vault.login.claims import read_claims, read_jwt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshkey.core.model.secret import Secret
    from freshkey.settings.keys import FederationSettings, KeySettings
    from freshkey.settings.model import Settings
    from freshkey.vault.login.claims import Claims
    from freshkey.vault.transport.session import Session


async def vault_identities(
    session: Session, settings: Settings, token: Secret, *, exchanging: bool
) -> list[Result]:
    """Have Vault sign identity tokens; nothing is exchanged but with `exchanging`."""
    results: list[Result] = []
    for name, key in settings.keys.items():
        federation = key.federation
        if federation is None or key.subject is not Subject.VAULT:
            continue
        place = f"keys.{name}.federation.vault_oidc_role"
        try:
            identity = await read_identity(session, token, federation.vault_oidc_role or "")
        except FaultError as error:
            results.append(failure(place, error.fault.message))
            continue
        results += await _identity_results(name, key, identity.token, place, exchanging=exchanging)
    return results


async def file_identities(settings: Settings, *, exchanging: bool) -> list[Result]:
    """Read the files that hold identity tokens."""
    results: list[Result] = []
    for name, key in settings.keys.items():
        federation = key.federation
        if federation is None or federation.subject_token_file is None:
            continue
        place = f"keys.{name}.federation.subject_token_file"
        try:
            identity, _ = read_jwt(federation.subject_token_file, place)
        except FaultError as error:
            results.append(failure(place, error.fault.message.removeprefix(f"{place} ")))
            continue
        results += await _identity_results(name, key, identity, place, exchanging=exchanging)
    return results


async def _identity_results(
    name: str, key: KeySettings, identity: Secret, place: str, *, exchanging: bool
) -> list[Result]:
    add_secret(identity)
    claims, federation = read_claims(identity), key.federation
    if claims is None or federation is None:
        return [failure(place, "the identity token is no JWT: is this the right one?")]
    results = list(judge(place, key, claims, time.time()))
    if exchanging:
        results.append(
            await _exchange(f"keys.{name}.federation.exchange_url", identity, federation)
        )
    return results


def judge(place: str, key: KeySettings, claims: Claims, now: float) -> Iterator[Result]:
    """Look at issuer, audience, and times; `now` is Unix time. Pure."""
    missing = [
        what
        for what, value in (
            ("issuer (iss)", claims.issuer),
            ("subject (sub)", claims.subject),
            ("audience (aud)", claims.audiences),
            ("end (exp)", claims.ends_at),
        )
        if not value
    ]
    if missing or claims.ends_at is None:
        lacks = f"{claims.describe(now)}, and no {' and no '.join(missing)}, which OpenAI needs"
        yield failure(place, lacks)
        return
    left = claims.ends_at - now
    if left <= 0:
        yield failure(place, f"{claims.describe(now)}: have it renewed in time")
        return
    yield fine(place, claims.describe(now))
    if (insecure := _issuer_problem(key, claims.issuer)) is not None:
        yield warning(place, insecure)
    testing = key.verify.activation_timeout
    if key.overlap + testing + MARGIN > left / 2:
        yield warning(
            place,
            f"an access token ends with its identity token, in {as_duration(left)}, which is too "
            f"short for an overlap of {as_duration(key.overlap)}: have identity tokens issued for "
            "longer, or ask for less overlap",
        )


def _issuer_problem(key: KeySettings, issuer: str) -> str | None:
    """Say what keeps OpenAI from asking the issuer for its keys; an emulator here may."""
    url = "" if key.federation is None else key.federation.exchange_url
    if issuer.startswith("https:") or is_loopback(urlsplit(url).hostname or ""):
        return None
    return (
        f'the issuer "{issuer}" is no https address, so OpenAI can\'t ask it for its keys: upload '
        "them there, or correct the issuer (identity/oidc/config)"
    )


async def _exchange(place: str, identity: Secret, federation: FederationSettings) -> Result:
    exchange = TokenExchange(federation.exchange_url, boot_time)
    account = Account(
        federation.identity_provider_id,
        federation.service_account_id,
        federation.subject_token_type,
    )
    try:
        grant = await exchange.exchange(identity, account)
    except FaultError as error:
        return failure(place, error.fault.message)
    finally:
        await exchange.aclose()
    add_secret(grant.secret)
    lasts = as_duration(grant.duration)
    return fine(place, f"OpenAI gave an access token for {lasts}, which nobody uses or keeps")
