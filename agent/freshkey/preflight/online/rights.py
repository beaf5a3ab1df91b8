"""Whether a token's policies give what the agent needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.model.faults import FaultError, FaultKind
from freshkey.preflight.online.report import Result, failure, fine
from freshkey.provisioning.needs import needs
from freshkey.vault.capabilities import capabilities
from freshkey.vault.diagnosis import BOUND, may_look_itself_up

if TYPE_CHECKING:
    from freshkey.core.model.secret import Secret
    from freshkey.provisioning.needs import Need
    from freshkey.settings.model import Settings
    from freshkey.vault.transport.session import Session


async def right_results(
    session: Session, settings: Settings, token: Secret, static: frozenset[str] | None
) -> list[Result]:
    """Ask Vault what the token may do, which does none of it; `static`: see `needs`."""
    wanted = needs(settings, static)
    try:
        found = await capabilities(session, token, [need.example for need in wanted])
    except FaultError as error:
        forbidden = error.fault.kind is FaultKind.FORBIDDEN
        if forbidden and not await may_look_itself_up(session, token):
            return [failure("auth", f"{error.fault.message}; {BOUND}")]
        message = f"{error.fault.message}; until it does, no other capability can be told"
        return [failure("auth", message)]
    results: list[Result] = []
    for place in dict.fromkeys(place for need in wanted for place in need.places):
        here = [need for need in wanted if place in need.places]
        missing = [need for need in here if not {need.capability, "root"} & found[need.example]]
        results += [failure(_option(place, settings), _missing_message(need)) for need in missing]
        if not missing:
            given = ", ".join(map(_short_name, here))
            results.append(fine(_option(place, settings), f"the policies give {given}"))
    return results


def _option(place: str, settings: Settings) -> str:
    if place == "auth":
        return place
    key = settings.keys[place.removeprefix("keys.")]
    return f"{place}.path" if key.subject is None else f"{place}.federation.vault_oidc_role"


def _short_name(need: Need) -> str:
    """Leave out of a path what the line is about anyway."""
    path = need.path.removeprefix("auth/token/").removeprefix("sys/")
    if path.startswith("leases/revoke/"):
        path = "its leases' revocation"
    return f"`{need.capability}` on {path}"


def _missing_message(need: Need) -> str:
    return (
        f"the token's policies do not give {need} ({need.purpose}): add what `freshkey policy` "
        "prints"
    )
