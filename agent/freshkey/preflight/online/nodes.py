"""Whether Vault can be had: each address, with its TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from freshkey.core.model.faults import FaultError, Operation
from freshkey.core.model.struct import replace
from freshkey.host.clock import boot_time
from freshkey.preflight.online.report import Outcome, Result, failure, fine, warning
from freshkey.vault.answers.faults import Request
from freshkey.vault.transport.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.settings.model import VaultSettings


async def node_results(vault: VaultSettings) -> list[Result]:
    """Ask every address by itself, all at once; one that is away is no failure beside another."""
    addresses = tuple(dict.fromkeys((vault.address, *vault.addresses)))
    answers: dict[str, str | None] = {}

    async def ask(address: str) -> None:
        answers[address] = await _fault(replace(vault, address=address, addresses=()))

    async with trio.open_nursery() as nursery:
        for address in addresses:
            nursery.start_soon(ask, address)
    away = failure if all(answers.values()) else warning
    return [_result(address, answers[address], away) for address in addresses]


def reached(results: list[Result]) -> bool:
    """Whether one of them answered."""
    return any(result.outcome is Outcome.FINE for result in results)


async def _fault(vault: VaultSettings) -> str | None:
    request = Request(Operation.PING, "sys/health")
    try:
        await Session(vault, boot_time).ask(request, lambda adapter: adapter.health())
    except FaultError as error:
        return error.fault.message
    return None


def _result(address: str, fault: str | None, away: Callable[[str, str], Result]) -> Result:
    place = "vault.address"
    if fault is not None:
        return away(place, f"{address}: {fault}" if address not in fault else fault)
    tls = ", its certificate is trusted" if address.startswith("https:") else ", without TLS"
    return fine(place, f"{address} answers, unsealed{tls}")
