"""Whether OpenAI can be reached from here, asked without a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from freshkey.core.policy import VerifyMode
from freshkey.online.report import Result, failure, fine, warning
from freshkey.openai.probe import Probe

if TYPE_CHECKING:
    from freshkey.settings.model import Settings


async def upstream_results(settings: Settings) -> list[Result]:
    """Ask every `base_url` once; any answer will do."""
    keys = {n: k.verify for n, k in settings.keys.items() if k.verify.mode is not VerifyMode.OFF}
    faults: dict[str, str | None] = {}

    async def ask(url: str) -> None:
        probe = Probe(url)
        try:
            faults[url] = await probe.reach()
        finally:
            with trio.CancelScope(shield=True):
                await probe.aclose()

    async with trio.open_nursery() as nursery:
        for url in {verify.base_url for verify in keys.values()}:
            nursery.start_soon(ask, url)
    return [
        _result(f"keys.{name}.verify", verify.mode, verify.base_url, faults[verify.base_url])
        for name, verify in keys.items()
    ]


def _result(place: str, mode: VerifyMode, url: str, fault: str | None) -> Result:
    if fault is None:
        return fine(f"{place}.base_url", f"{url} answers")
    away = f"{url} can't be reached ({fault})"
    todo = 'let this host reach it, or set verify.mode = "off"'
    if mode is VerifyMode.REQUIRE:
        told = f'{away}, and mode "require" publishes no key that was not tested: {todo}'
        return failure(f"{place}.base_url", told)
    told = f"{away}: every key is published untested, after activation_timeout: {todo}"
    return warning(f"{place}.mode", told)
