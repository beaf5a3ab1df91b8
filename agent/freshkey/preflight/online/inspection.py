"""The online check from its start to its end: machine, Vault's addresses, login, OpenAI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.preflight.online.login import login_results
from freshkey.preflight.online.machine import machine_results
from freshkey.preflight.online.nodes import node_results, reached
from freshkey.preflight.online.report import Result, warning
from freshkey.preflight.online.upstream import upstream_results

if TYPE_CHECKING:
    from freshkey.settings.model import Settings


async def inspect(settings: Settings) -> list[Result]:
    """Look at all that `run` would need; a part that can't be had leaves out what rests on it."""
    nodes = await node_results(settings.vault)
    results = [*machine_results(settings), *nodes]
    if reached(nodes):
        results += await login_results(settings)
    else:
        results.append(warning("auth", "not tried, because no address of Vault can be used"))
    return results + await upstream_results(settings)
