from __future__ import annotations

import threading
from typing import NoReturn

import pytest
import trio
from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.vault.transport.thread import in_thread


def no_cut() -> None:
    """Do nothing: what runs ends by itself, or not at all."""


async def test_a_result() -> None:
    limiter = trio.CapacityLimiter(1)
    assert await in_thread(lambda: 7, no_cut, seconds=5, limiter=limiter, abandon=True) == 7


async def test_a_fault_comes_alone() -> None:
    def fail() -> NoReturn:
        raise FaultError(Fault(FaultKind.SEALED, "sealed"))

    with pytest.raises(FaultError, match="sealed: sealed"):
        await in_thread(fail, no_cut, seconds=5, limiter=trio.CapacityLimiter(1), abandon=True)


@pytest.mark.parametrize("abandon", [True, False])
async def test_a_cut_ends_what_takes_too_long(*, abandon: bool) -> None:
    cut = threading.Event()
    limiter = trio.CapacityLimiter(1)
    with trio.fail_after(5):
        assert await in_thread(cut.wait, cut.set, seconds=0.05, limiter=limiter, abandon=abandon)


async def test_what_a_cut_can_not_end_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freshkey.vault.transport.thread._TO_END", 0.05)
    release = threading.Event()
    limiter = trio.CapacityLimiter(1)
    with trio.fail_after(5), pytest.raises(FaultError) as caught:
        await in_thread(release.wait, no_cut, seconds=0.05, limiter=limiter, abandon=True)
    release.set()
    assert caught.value.fault == Fault(FaultKind.UNREACHABLE, "Vault gave no answer within 0.05 s")
