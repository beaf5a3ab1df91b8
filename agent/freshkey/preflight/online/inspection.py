"""The online check from its start to its end: machine, Vault's addresses, login, OpenAI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.preflight.online.identities import file_identities
from freshkey.preflight.online.login import login_results
from freshkey.preflight.online.machine import machine_results
from freshkey.preflight.online.nodes import node_results, reached
from freshkey.preflight.online.report import Result, warning
from freshkey.preflight.online.upstream import upstream_results

if TYPE_CHECKING:
    from freshkey.settings.model import Settings


async def inspect(settings: Settings, *, exchanging: bool = False) -> list[Result]:
    """Look at all that `run` would need; a part that can't be had leaves out what rests on it.

    `exchanging` has identity tokens exchanged at OpenAI, too.
    """
    results = [*machine_results(settings)]
    if settings.auth is not None and settings.uses_vault:
        nodes = await node_results(settings.vault)
        results += nodes
        if reached(nodes):
            results += await login_results(settings, settings.auth, exchanging=exchanging)
        else:
            results.append(warning("auth", "not tried, because no address of Vault can be used"))
    results += await file_identities(settings, exchanging=exchanging)
    return results + await upstream_results(settings)
