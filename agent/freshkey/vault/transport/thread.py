"""The one helper that runs calls in threads, because hvac is synchronous."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import trio

from freshkey.core.model.faults import Fault, FaultError, FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_TO_END = 1.0  # seconds from a cut to the end of the thread


async def in_thread(
    work: Callable[[], T],
    cut: Callable[[], None],
    *,
    seconds: float,
    limiter: trio.CapacityLimiter,
    abandon: bool,
) -> T:
    """Return what `work` returns in a thread; `cut` is called after `seconds`, and must end it.

    With `abandon`, a cancellation cuts it and does not wait, and a thread that a cut can't end
    (it resolves a name) is left behind. Without, a cancellation waits. Raises FaultError.
    """

    def settled() -> T | FaultError:
        try:
            return work()
        except FaultError as error:
            return error

    async def cut_at_the_end() -> None:
        await trio.sleep(seconds)
        cut()
        if abandon:
            await trio.sleep(_TO_END)
            nursery.cancel_scope.cancel()

    stuck = Fault(FaultKind.UNREACHABLE, f"Vault gave no answer within {seconds:g} s")
    result: T | FaultError = FaultError(stuck)
    with trio.CancelScope(shield=not abandon):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cut_at_the_end)
            try:
                result = await trio.to_thread.run_sync(
                    settled, abandon_on_cancel=abandon, limiter=limiter
                )
            finally:
                cut()
            nursery.cancel_scope.cancel()
    if isinstance(result, FaultError):
        raise result
    return result
