"""One run, from the first part's start to the summary."""

import time
from collections.abc import Callable
from typing import Final

from rich.console import Console

from testbed.demo.figures import Figures, died, look, settle, unserved
from testbed.demo.place import Place
from testbed.demo.stage import Stage, Tell, stage
from testbed.demo.view import make_view, requests_table

LOOK_EVERY: Final = 0.25
"""Seconds."""


def play(place: Place, stopping: Callable[[], bool], seconds: int | None) -> bool:
    """Run until `stopping` turns true, or for so many seconds; print the summary.

    Tells whether all went well: no part died, and no consumer of the agent's was ever let down.
    Raises Interrupted when stopped before there was a key, and what `stage` raises.
    """
    console = Console(highlight=False)
    with stage(place, teller(), stopping) as parts:
        started = time.monotonic()
        end_at = float("inf") if seconds is None else started + seconds
        with make_view(console) as view:
            while not (stopping() or died(parts) or time.monotonic() > end_at):
                view.show(look(parts, time.monotonic() - started))
                time.sleep(LOOK_EVERY)
        seconds_run, reasons = time.monotonic() - started, died(parts)
        print("stopping", flush=True)
        figures = end(parts, seconds_run)
    reasons += unserved(figures)
    _summarize(console, figures, reasons)
    return not reasons


def teller() -> Tell:
    """Return what prints a line for each part, with the seconds since now."""
    begun = time.monotonic()

    def tell(part: str, what: str) -> None:
        print(f"{time.monotonic() - begun:5.1f} s  {part:10} {what}", flush=True)

    return tell


def end(parts: Stage, seconds: float) -> Figures:
    """Stop the agent, those who depend on it before; take the last figures, after `seconds`.

    The agent revokes its lease, so there should be no key left.
    """
    for consumer in parts.consumers:
        consumer.stop()
    if parts.agent.running:
        parts.agent.stop()
        settle(parts)
    return look(parts, seconds)


def _summarize(console: Console, figures: Figures, reasons: list[str]) -> None:
    console.print(
        f"\nin {figures.seconds:.0f} s: {figures.rotations} rotations, {figures.mints} mints; "
        f"keys alive at OpenAI: {figures.most} at most, {figures.alive} at the end\n"
    )
    console.print(requests_table(figures.consumers))
    console.print()
    for reason in reasons:
        console.print(f"FAILED: {reason}", style="bold red", markup=False, soft_wrap=True)
    if not reasons:
        console.print("[green]No reader of the agent's was ever refused.[/]")
