"""Every target, with what is kept for it and with fresh inputs; `make fuzz` tries many more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.target import CORPUS, NAMES, corpus_of, target_of

if TYPE_CHECKING:
    from random import Random

_FRESH = 50  # inputs of each target, the same at every run: `make fuzz` draws others


@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept(name: str) -> None:
    target = target_of(name)
    for sample in target.samples:
        target.try_out_traced(sample)
    for path in corpus_of(name):
        target.try_out_traced(path.read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_what_is_fresh(name: str) -> None:
    target = target_of(name)
    inputs = [*target.samples, *(path.read_bytes() for path in corpus_of(name))]

    @settings(max_examples=_FRESH, derandomize=True)
    @given(st.sampled_from(inputs), st.randoms(use_true_random=False))
    def run(data: bytes, random: Random) -> None:
        target.try_out(target.changed(random, data))

    run()


def test_every_target_has_a_corpus() -> None:
    assert [name for name in NAMES if not corpus_of(name)] == []


def test_no_corpus_is_left_behind() -> None:
    assert {path.name for path in CORPUS.iterdir()} <= set(NAMES)
