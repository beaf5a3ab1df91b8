"""Whether OpenAI can be reached from here, asked without a key."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import trio

from freshkey.core.model.policy import VerifyMode
from freshkey.openai.probe import Probe
from freshkey.preflight.online.report import Result, failure, fine, warning

if TYPE_CHECKING:
    from freshkey.settings.model import Settings


# To a request without a key; others are of a redirect, of another server, or of a failure.
_OF_OPENAI: Final = frozenset(
    {
        HTTPStatus.OK,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


async def upstream_results(settings: Settings) -> list[Result]:
    """Ask every `base_url` once; what is no answer of OpenAI's is told where keys depend on it."""
    keys = {n: k.verify for n, k in settings.keys.items() if k.verify.mode is not VerifyMode.OFF}
    answers: dict[str, int | str] = {}

    async def ask(url: str) -> None:
        probe = Probe(url)
        try:
            answers[url] = await probe.reach()
        finally:
            with trio.CancelScope(shield=True):
                await probe.aclose()

    async with trio.open_nursery() as nursery:
        for url in {verify.base_url for verify in keys.values()}:
            nursery.start_soon(ask, url)
    return [
        _result(f"keys.{name}.verify", verify.mode, verify.base_url, answers[verify.base_url])
        for name, verify in keys.items()
    ]


def _result(place: str, mode: VerifyMode, url: str, answer: int | str) -> Result:
    if isinstance(answer, int):
        if mode is VerifyMode.REQUIRE and answer not in _OF_OPENAI:
            message = (
                f'{url} answers {answer}, which tells nothing of a key, and mode "require" '
                "publishes no key that was not tested: is the address right?"
            )
            return warning(f"{place}.base_url", message)
        return fine(f"{place}.base_url", f"{url} answers")
    away = f"{url} can't be reached ({answer})"
    todo = 'let this host reach it, or set verify.mode = "off"'
    if mode is VerifyMode.REQUIRE:
        message = f'{away}, and mode "require" publishes no key that was not tested: {todo}'
        return failure(f"{place}.base_url", message)
    message = f"{away}: every key is published untested, after activation_timeout: {todo}"
    return warning(f"{place}.mode", message)
