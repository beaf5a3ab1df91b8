"""Whether token, leases, overlaps, and mint budget fit together. Pure; durations are seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.model.grants import TokenKind
from freshkey.core.model.struct import replace
from freshkey.core.pacing.timing import MARGIN, token_lead
from freshkey.preflight.online.report import fine, warning
from freshkey.settings.desired_state import desired_state
from freshkey.settings.values import as_duration

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from freshkey.core.model.grants import Login
    from freshkey.preflight.online.report import Result
    from freshkey.settings.keys import KeySettings
    from freshkey.settings.model import Settings


def token_terms(login: Login) -> str:
    """Say in a few words what kind of token it is, and for how long."""
    if login.duration is None:
        return "a token without an end"
    kind = "renewable" if login.renewable else "not renewable"
    if login.kind is TokenKind.BATCH:
        kind = "a batch token, neither renewable nor revocable"
    return f"a token for {as_duration(login.duration)}, {kind}"


def lifetime_results(
    settings: Settings, leases: Mapping[str, float | None], token: float | None
) -> Iterator[Result]:
    """Compare them; `token` is the token's term, None for one without an end.

    `leases` are the terms by key, None where not known; a key without leases is not there.
    """
    for name, lease in leases.items():
        key, place = settings.keys[name], f"keys.{name}.ttl"
        if lease is None:
            yield fine(place, _unknown(token))
            continue
        if token is not None and token < lease:
            yield warning(
                place,
                f"the token's {as_duration(token)} are less than the lease's {as_duration(lease)}, "
                "which ends with it: give the token's role a longer token_period or token_ttl, or "
                "ask for shorter leases",
            )
        else:
            yield fine(place, f"leases of {as_duration(lease)}, no longer than their token lives")
        yield from _overlap(f"keys.{name}.overlap", key, lease)
    yield _budget(settings, leases, token)


def _unknown(token: float | None) -> str:
    unknown = "not set, so the lifetime of its leases is unknown until the first one"
    if token is None:
        return unknown
    longer = f"leases longer than {as_duration(token)} would end with the token"
    return f"{unknown}; {longer}: set ttl to be warned"


def _overlap(place: str, key: KeySettings, lease: float) -> Iterator[Result]:
    # A lease is replaced no earlier than at half its life: see core/pacing/timing.py.
    testing = key.verify.activation_timeout
    if key.overlap + testing + MARGIN > lease / 2:
        left = max(0.0, lease / 2 - testing - MARGIN)
        yield warning(
            place,
            f"a lease of {as_duration(lease)} is too short for an overlap of "
            f"{as_duration(key.overlap)}: if the test of the next key takes its "
            f"{as_duration(testing)}, only {as_duration(left)} are left; ask for longer leases, or "
            "for less overlap",
        )


def _budget(settings: Settings, leases: Container[str], token: float | None) -> Result:
    place, budget = "vault.max_mints_per_minute", settings.vault.max_mints_per_minute
    policy = desired_state(settings).policy
    moved = {name: key for name, key in policy.keys.items() if name in leases}
    if not moved:
        return fine(place, "no key has leases, and none has to be minted")
    number, lead = len(moved), token_lead(replace(policy, keys=moved))
    keys = "1 key" if number == 1 else f"{number} keys"
    # The token is replaced no earlier than at half its life, and renewed until then.
    if token is not None and lead > token / 2:
        return warning(
            place,
            f"to move {keys} to another token takes {as_duration(lead)}, with the overlap, and a "
            f"token of {as_duration(token)} leaves {as_duration(token / 2)} for it: give the "
            "token's role a longer token_period or token_ttl, shorten the overlap, or allow more "
            "mints, as far as OpenAI does",
        )
    limit = f"{budget} mints a minute" if budget else "no limit on mints"
    return fine(
        place, f"{keys}, {limit}: a change of token takes {as_duration(lead)} with the overlap"
    )
