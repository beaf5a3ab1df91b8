"""`make demo STORY=1`: what goes wrong, chapter by chapter, and whether the agent's bounds hold."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from rich.console import Console

from testbed.demo.captions import caption, ending, summary
from testbed.demo.chapters import Chapter
from testbed.demo.judgement import Told, Verdict, judge
from testbed.demo.place import Place
from testbed.demo.play import end, teller
from testbed.demo.scene import Scene, refusals
from testbed.demo.stage import STORY, stage
from testbed.demo.view import make_view

AFTERMATH: Final = 1.0
"""Seconds after a bound: what is refused just after it is reported within them, and shows."""


def tell_story(place: Place, stopping: Callable[[], bool], chapters: Sequence[Chapter]) -> bool:
    """Tell the chapters; print the summary. Tells whether all of them held.

    Raises Interrupted when stopped before the end, DemoError when a part died, and what `stage`
    raises.
    """
    console = Console(highlight=False)
    told: list[Told] = []
    with stage(place, teller(), stopping, STORY) as parts:
        with make_view(console) as view:
            scene = Scene(parts, view, stopping, STORY.lease)
            for number, chapter in enumerate(chapters, 1):
                console.print(caption(chapter, number, len(chapters)))
                told.append(_tell(chapter, scene))
                console.print(ending(judge(told, scene.refusals())[-1]))
        print("stopping", flush=True)
        end(parts, 0)
        verdicts = judge(told, refusals(parts))
    _summarize(console, verdicts)
    return not any(verdict.faults for verdict in verdicts)


def _tell(chapter: Chapter, scene: Scene) -> Told:
    began = time.monotonic()
    outcome = chapter.act(scene, chapter.bound.window)
    scene.watch(max(outcome.event + chapter.bound.window, scene.now()) + AFTERMATH)
    return Told(chapter.name, chapter.bound, chapter.excused, began, outcome)


def _summarize(console: Console, verdicts: Sequence[Verdict]) -> None:
    console.print()
    console.print(summary(verdicts))
    console.print()
    faults = [line for verdict in verdicts for line in verdict.faults]
    for line in faults:
        console.print(f"FAILED: {line}", style="bold red", markup=False, soft_wrap=True)
    if not faults:
        console.print("[green]Every bound held, and no request was refused outside of one.[/]")
