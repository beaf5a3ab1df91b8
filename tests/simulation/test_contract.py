"""The models answer as Vault, the engine, and the emulator of OpenAI do: each case asks both.

Compared are the status, the words of a refusal, and of anything else the names, the kinds of
values, and how long things last. What only time tells is asked of both, too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.simulation.contract_cases import (
    BRIEF,
    CASES,
    a_token_that_ends_takes_its_leases_along,
    batch_tokens,
)
from tests.simulation.contract_model import Model
from tests.simulation.contract_real import Real

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testbed.emulator.process import OpenAIServer
    from testbed.vault import VaultServer
    from tests.simulation.contract_side import Side
    from tests.simulation.http import HttpAnswer

SECONDS = {"lease_duration", "ttl", "creation_ttl"}
# Texts that are drawn: only that they are there is the same.
DRAWN = re.compile(r"simulated-\d+|\d{4}-\d\d-\d\dT[\d:.+Z-]*")


def said(value: object, name: str = "") -> object:
    """Return of an answer what both sides have to say alike."""
    match value:
        case dict():
            return {key: said(item, key) for key, item in value.items()}
        case list() if name == "errors":
            return [DRAWN.sub("openai", str(item)) for item in value]
        case int() if name in SECONDS and not isinstance(value, bool):
            return pytest.approx(value, abs=2)
        case bool() | None:
            return value
        case _:
            return type(value).__name__


def agrees(model: HttpAnswer, real: HttpAnswer) -> None:
    """Raise AssertionError unless all that the model says is what the real one says."""
    assert model.status == real.status, (model, real)
    assert real.retry_after or not model.retry_after
    assert (model.body is None) == (real.body is None)
    _covers(said(model.body or {}), said(real.body or {}))


def _covers(part: Any, whole: Any) -> None:  # noqa: ANN401 - JSON
    if not isinstance(part, dict):
        assert part == whole
        return
    for name, value in part.items():
        assert name in whole, name
        _covers(value, whole[name])


def both_answer_alike(
    case: Callable[[Side], Iterator[HttpAnswer]], side: Real, model: Model
) -> None:
    """Ask both, the real one first, which is closed then."""
    try:
        real = list(case(side))
    finally:
        side.close()
    for expected, found in zip(real, list(case(model)), strict=True):
        agrees(found, expected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_model_answers_as_the_real_one(
    case: Callable[[Side], Iterator[HttpAnswer]], vault: VaultServer, openai_server: OpenAIServer
) -> None:
    both_answer_alike(case, Real(vault, openai_server), Model())


def test_a_token_that_ends(vault: VaultServer, openai_server: OpenAIServer) -> None:
    side = Real(vault, openai_server, token_ttl=BRIEF)
    both_answer_alike(a_token_that_ends_takes_its_leases_along, side, Model(token_ttl=BRIEF))


def test_batch_tokens(vault: VaultServer, openai_server: OpenAIServer) -> None:
    both_answer_alike(batch_tokens, Real(vault, openai_server, batch=True), Model(batch=True))
